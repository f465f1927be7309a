"""The workers' door, `/internal/v1`: join, claim, events, heartbeat, uploads, end. JSON both ways.

Three secrets open it: the join token (a host may join), a worker's token (it may claim what is its), an attempt's token
(this attempt only, until it ends or a newer one is granted). The reply to an attempt always carries the desired state.
"""

import hmac
import secrets
from collections.abc import Callable
from functools import wraps
from typing import Any

import orjson
from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt
from pydantic import BaseModel, Field, TypeAdapter, ValidationError

from controlplane import artifacts, outcomes
from controlplane.audit.context import as_platform
from controlplane.errors import CONTENT_TYPE, Problem
from controlplane.jobs import intake, leases
from controlplane.jobs import workers as hosts
from controlplane.jobs.models import Allocation, Worker
from controlplane.workspaces.access import worker_door
from workers.contract.events import Batch, End, UploadAsk
from workers.contract.home import secret
from workers.contract.names import ACCEPTED_CONTRACTS, EVENT_BATCH_MAX

Reply = dict[str, Any] | BaseModel
BODY_MAX = 4 * EVENT_BATCH_MAX


class Join(BaseModel):
    name: str = Field(pattern=r"^[a-z0-9]([a-z0-9._-]{0,61}[a-z0-9])?$")
    contract: int
    devices: list[dict[str, Any]] = Field(max_length=64)
    cpus: int = Field(ge=1, le=4096)
    memory_bytes: int = Field(ge=0)
    host: str = Field("", max_length=255)
    pid_host: str = ""


class HostBeat(BaseModel):
    load: dict[str, Any] = {}
    running: list[int] = []


class Claim(BaseModel):
    contract: int


class Beat(BaseModel):
    """rss: resident bytes · cpu: processors busy over the past minute; a host of an older release does not say."""

    rss: int | None = Field(None, ge=0, lt=2**53)
    cpu: float | None = Field(None, ge=0, le=4096, allow_inf_nan=False)
    seq: int = 0


class Renew(BaseModel):
    uris: list[str] = Field(max_length=10_000)


def bearer(request: HttpRequest) -> str:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return token if scheme.lower() == "bearer" else ""


def reply(value: Reply | None, status: int = 200) -> HttpResponse:
    data = value.model_dump(mode="json") if isinstance(value, BaseModel) else (value or {})
    return HttpResponse(orjson.dumps(data), status=status, content_type="application/json")


def door(body: type[BaseModel]) -> Callable[[Callable[..., Reply | None]], Callable[..., HttpResponse]]:
    """Reads and checks the body, turns a Problem into its answer. POST only."""
    adapter: TypeAdapter[Any] = TypeAdapter(body)

    def wrap(view: Callable[..., Reply | None]) -> Callable[..., HttpResponse]:
        @csrf_exempt
        @worker_door
        @wraps(view)
        def inner(request: HttpRequest, **kwargs: Any) -> HttpResponse:
            try:
                if request.method != "POST":
                    raise Problem(405, "method_not_allowed", "Only POST.")
                if int(request.headers.get("Content-Length") or 0) > BODY_MAX:
                    raise Problem(413, "too_large", f"At most {BODY_MAX} bytes at once.")
                parsed = adapter.validate_json(request.body or b"{}")
                return reply(view(request, parsed, **kwargs))
            except ValidationError as error:
                problem = Problem(
                    422,
                    "invalid",
                    "The body does not fit the contract.",
                    errors=[{"loc": list(e["loc"]), "msg": e["msg"]} for e in error.errors()],
                )
            except Problem as error:
                problem = error
            answer = HttpResponse(problem.as_bytes(), status=problem.status, content_type=CONTENT_TYPE)
            for key, value in problem.headers.items():
                answer[key] = value
            return answer

        return inner

    return wrap


def check_contract(version: int) -> None:
    if version not in ACCEPTED_CONTRACTS:
        raise Problem(
            409, "contract_version", f"This worker speaks contract {version}; accepted: {ACCEPTED_CONTRACTS}.", hint="Update the worker."
        )


def the_worker(request: HttpRequest) -> Worker:
    worker = Worker.objects.filter(token_hash=leases.digest(bearer(request))).first()
    if worker is None:
        raise Problem(401, "bad_token", "This worker's token is not known.", hint="Join again.")
    as_platform()
    return worker


def the_allocation(request: HttpRequest, pk: int) -> Allocation:
    allocation = leases.of_token(pk, bearer(request))
    as_platform()
    return allocation


@door(Join)
def join(request: HttpRequest, body: Join) -> Reply:
    if not hmac.compare_digest(bearer(request), secret("join_token")):
        raise Problem(401, "bad_token", "The join token is wrong.", hint="Copy it from the control plane's secrets.")
    as_platform()
    check_contract(body.contract)
    token = "wrk_" + secrets.token_urlsafe(32)
    address = body.host or request.META.get("REMOTE_ADDR") or ""
    worker = hosts.join(token_hash=leases.digest(token), address=address, **body.model_dump(exclude={"host", "pid_host"}))
    return {"worker": worker.name, "token": token}


@door(HostBeat)
def worker_heartbeat(request: HttpRequest, body: HostBeat) -> Reply:
    return hosts.heartbeat(worker=the_worker(request), load=body.load, running=body.running)


@door(Claim)
def claim(request: HttpRequest, body: Claim, pk: int) -> Reply:
    check_contract(body.contract)
    return leases.claim(allocation_id=pk, worker=the_worker(request))


@door(Beat)
def heartbeat(request: HttpRequest, body: Beat, pk: int) -> Reply:
    allocation = the_allocation(request, pk)
    desired = leases.heartbeat(allocation)
    outcomes.heard(allocation, body.cpu, body.rss)
    return desired


@door(Batch)
def events(request: HttpRequest, body: Batch, pk: int) -> Reply:
    allocation = the_allocation(request, pk)
    desired, ready = intake.take(allocation, body)
    for event in ready:
        outcomes.replica_ready(allocation, event.data)
    return desired


@door(UploadAsk)
def uploads(request: HttpRequest, body: UploadAsk, pk: int) -> Reply:
    return {"slots": [slot.model_dump() for slot in intake.slots(the_allocation(request, pk), body)]}


@door(Renew)
def renew(request: HttpRequest, body: Renew, pk: int) -> Reply:
    """Fresh links, for files the order names or this job stored; nothing else."""
    allocation = the_allocation(request, pk)
    known = intake.known_uris(allocation)
    foreign = [uri for uri in body.uris if uri not in known]
    if foreign:
        raise Problem(
            404, "not_found", "These files are not part of the order.", errors=[{"loc": [uri], "msg": "unknown"} for uri in foreign]
        )
    return {uri: {"url": artifacts.link(uri), "path": str(path) if (path := artifacts.local_path(uri)) else None} for uri in body.uris}


@door(End)
def end(request: HttpRequest, body: End, pk: int) -> Reply:
    try:
        allocation = the_allocation(request, pk)
    except Problem as problem:
        if problem.code == "stale_attempt" and leases.has_ended(pk, bearer(request)):
            return {}  # said before; the answer got lost
        raise
    outcomes.attempt_ended(allocation, body)
    return {}


urlpatterns = [
    path("join", join),
    path("workers/heartbeat", worker_heartbeat),
    path("allocations/<int:pk>/claim", claim),
    path("attempts/<int:pk>/heartbeat", heartbeat),
    path("attempts/<int:pk>/events", events),
    path("attempts/<int:pk>/uploads", uploads),
    path("attempts/<int:pk>/renew", renew),
    path("attempts/<int:pk>/end", end),
]
