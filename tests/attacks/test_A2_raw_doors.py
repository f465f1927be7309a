"""A2, A4, A8: the doors beside Django, which its middleware does not guard: uploads, the gateway, signed files, sockets, workers.

A28: the same holds when Python runs without assertions.
"""

import os
import subprocess
import sys
from itertools import product
from pathlib import Path

import pytest
from controlplane.gateway.app import Gateway
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from tests.attacks.census import BESIDE, Route, routes
from tests.attacks.wire import Wire, session
from tests.people import People
from tests.server import Server

ROOT = Path(__file__).resolve().parents[2]
GUARDED = [route for route in BESIDE if route.kind in {"upload", "gateway"}]
MADE_UP = ("", "slw_guess", "Bearer", "wrk_guess", "slw_" + "A" * 43)
TUS = {"Tus-Resumable": "1.0.0", "Upload-Length": "3", "Upload-Offset": "0"}


def body(route: Route) -> object:
    """What a route of the gateway takes."""
    if route.method != "POST" or route.kind != "gateway":
        return None
    if route.address.endswith("chat/completions"):
        return {"model": "acme/mood", "messages": [{"role": "user", "content": "x"}]}
    return {"model": "acme/mood", "prompt": "x"} if route.address.endswith("completions") else {"inputs": "x"}


def test_the_census_knows_every_route_of_the_gateway() -> None:
    """Each address the gateway's own code compares with, so that a new one cannot be forgotten here."""
    import inspect
    import re

    said = set(re.findall(r'"(/(?:v1/)?[a-z/]+)"', inspect.getsource(Gateway)))
    known = {route.address.removeprefix("/v1/endpoints/{ws}/{name}") for route in BESIDE if route.kind == "gateway"} | {"/v1/models/", "/"}
    assert said <= known, said - known


def test_A2_strangers_are_asked_who_they_are(people: People, server: Server) -> None:
    for token in MADE_UP:
        with Wire(server, token) as wire:
            for route in GUARDED:
                reply = wire.ask(route.method, route.at(), body(route), **(TUS if route.kind == "upload" else {}))
                assert reply.status == 401, f"{route.method} {route.address} {token!r}: {reply.status} {reply.body[:200]!r}"


def test_A4_other_tenants_find_nothing(people: People, server: Server) -> None:
    """The same answer for what is there and for what is not, of a workspace that is there and of one that is not."""
    with Wire(server, people.alice.token) as alice, Wire(server, people.bob.token) as bob:
        made = alice.ask("POST", "/api/v1/workspaces/acme/uploads", **TUS)
        own = made.headers["location"].rsplit("/", 1)[-1]
        for route in GUARDED:
            if "{ws}" not in route.address:
                continue
            said = set()
            there = own if route.kind == "upload" else "mood"
            for workspace, name in (("acme", there), ("acme", "none"), ("nowhere", there)):
                address = route.at(name).replace("acme", workspace)
                reply = bob.ask(route.method, address, body(route), **(TUS if route.kind == "upload" else {}))
                said.add((reply.status, reply.code))
            assert len(said) == 1, f"{route.method} {route.address}: {said}"
            assert said.pop()[0] == 404, f"{route.method} {route.address}"
        for route in GUARDED:
            if route.address in {"/v1/chat/completions", "/v1/completions"}:
                assert bob.ask("POST", route.address, body(route)).status == 404
        assert bob.ask("GET", "/v1/models").json["data"] == []
        assert alice.ask("HEAD", f"/api/v1/workspaces/acme/uploads/{own}", **{"Tus-Resumable": "1.0.0"}).status == 200


def test_A2_a_file_has_no_address_without_a_signature(people: People, server: Server) -> None:
    from controlplane import artifacts

    artifacts.put_bytes("ws/1/secret.txt", b"not for you")
    good = artifacts.file_path("ws/1/secret.txt")
    head, _, signature = good.rpartition(".")
    forged = [
        f"{head}.{signature[:-1]}{'A' if signature[-1] != 'A' else 'B'}",
        f"{head}.",
        f"{head[:-2]}AA.{signature}",
        "/files/" + "a" * 60,
        "/files/ws/1/secret.txt",
    ]
    with Wire(server, people.alice.token) as alice, Wire(server) as nobody:
        assert nobody.ask("GET", good).body == b"not for you"
        for address in forged:
            for wire in (alice, nobody):
                assert wire.ask("GET", address).status in {403, 404}, address
                assert wire.ask("PUT", address, raw=b"mine").status in {403, 404}, address
        assert nobody.ask("PUT", good, raw=b"mine").status == 405


def test_A2_workers_tokens_open_nothing_else_and_nothing_else_opens_their_door(people: People, server: Server) -> None:
    from workers.contract.home import secret

    for token in (secret("join_token"), people.alice.token, "wrk_x", secret("signing_key")):
        with Wire(server, token) as wire:
            for route in routes():
                if route.kind == "door" and token == secret("join_token") and route.address.endswith("/join"):
                    continue
                if route.kind == "door":
                    assert wire.ask(
                        "POST", route.at(), {"contract": 1, "name": "x", "devices": [], "cpus": 1, "memory_bytes": 1}
                    ).status in {401, 409, 422}
            if token != people.alice.token:
                assert wire.ask("GET", "/api/v1/me").status == 401
                assert wire.ask("GET", "/v1/models").status == 401


def test_A8_a_cookie_from_elsewhere_opens_no_socket(people: People, server: Server) -> None:
    cookie = session(people.alice)
    for origin in (None, "https://evil.example", "null", "http://127.0.0.1.evil.example"):
        headers = {"Cookie": cookie} | ({"Origin": origin} if origin else {})
        with pytest.raises(InvalidStatus) as refused:
            connect(f"ws://{server.host}/ws/workspaces/acme/jobs/1", additional_headers=headers)
        assert refused.value.response.status_code == 403, origin


NOT_SOCKETS = (
    "/ws",
    "/ws/",
    "/ws/workspaces/acme",
    "/ws/x",
    "/",
    "/v1/models",
    "/api/v1/me",
    "/ws/workspaces/acme/jobs/1/../2",
    "/ws//workspaces/acme/jobs/1",
)


def refusal(address: str, headers: dict[str, str]) -> int:
    """The status or close code a socket is refused with; 0 when it gave a frame."""
    try:
        with connect(address, additional_headers=headers) as socket:
            socket.recv(5)
    except InvalidStatus as refused:
        return refused.response.status_code
    except ConnectionClosed as closed:
        return closed.rcvd.code if closed.rcvd else 1006
    return 0


def test_A2_no_other_address_takes_a_socket(people: People, server: Server) -> None:
    for path, token in product(NOT_SOCKETS, ("", people.alice.token)):
        headers = {"Authorization": f"Bearer {token}"} if token else {"Origin": server.base}
        assert refusal(f"ws://{server.host}{path}", headers) in {400, 401, 403, 404, 4401, 4404, 1008}, path


def test_A28_the_doors_hold_without_assertions() -> None:
    """`python -O` drops assert statements of the product; pytest keeps its own."""
    names = "anonymous_gets_401_everywhere or another_tenant or strangers_are_asked or other_tenants_find or without_a_signature"
    command = [sys.executable, "-m", "pytest", "-p", "no:playwright", "-p", "no:cacheprovider", "-k", names]
    command += ["tests/controlplane/api/test_census.py", "tests/attacks/test_A2_raw_doors.py"]
    ours = ("SLIPWAY_", "DJANGO_", "DATABASE_URL", "PYTEST_")  # this run's home and database are not for another run
    environment = {name: value for name, value in os.environ.items() if not name.startswith(ours)} | {"PYTHONOPTIMIZE": "1"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=280)
    assert done.returncode == 0, done.stdout[-3000:]
    assert " passed" in done.stdout
