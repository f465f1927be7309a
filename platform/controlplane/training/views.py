"""Pages of starting a job: one page in four parts, with what would happen beside it; retry, resume, register."""

import secrets
import time
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from controlplane.errors import Problem
from controlplane.frame.pages import done, page, sorry, wrong_fields
from controlplane.jobs.api import the_job
from controlplane.registry import services as registry
from controlplane.training import newjob, services
from controlplane.training.draft import Draft, draft
from controlplane.workspaces.access import needs
from controlplane.workspaces.idempotency import once

ADDRESS = 4000  # characters of an address every browser and proxy takes
PATIENCE = 20  # quarters of a second a second click waits for the first


@require_http_methods(["GET", "POST"])
@needs("editor", query=("dataset", "recipe", "clone", "preset", "base_model", "device", "name", "model_name", "view"))
def new(request: HttpRequest, ws: str) -> HttpResponseBase:
    """GET fills in what works; POST starts; POST with `refresh`, or with a button's `set`, draws the form again for what was changed."""
    workspace: Any = request.workspace  # type: ignore[attr-defined]
    clone = request.GET.get("clone") or request.POST.get("clone", "")
    source = the_job(request, clone) if clone else None
    posted = request.method == "POST"
    sent = request.POST if posted else request.GET
    plan = draft(workspace, {key: sent[key] for key in sent}, source if not posted else None)
    wrong: dict[str, str] = {}
    if posted and not {"refresh", "set"} & set(request.POST):
        try:
            return _start(request, plan)
        except Problem as problem:
            wrong = wrong_fields(problem)
    form = newjob.context(request, plan, wrong, clone, request.POST.get("once") or secrets.token_urlsafe(16))
    answer = page(request, "training/new.html", form, parts=("job-form",), status=422 if wrong else 200)
    address = f"{request.path}?{urlencode(plan.query())}"
    if posted and len(address) < ADDRESS:
        answer["HX-Replace-Url"] = address  # a reload, the way back and another language find the form as it is
    return answer


def _start(request: HttpRequest, plan: Draft) -> HttpResponseBase:
    """One form starts one job, however often it is sent; a form that was changed after it had been sent is another one."""
    space: Any = request.workspace  # type: ignore[attr-defined]

    def run() -> HttpResponse:
        job = services.start_job(workspace=space, user=request.user, request=services.parse(plan.body()))
        return redirect("job", ws=space.slug, number=job.number)

    key = request.POST.get("once", "")[:64]
    if not key:
        return run()
    for _try in range(PATIENCE):
        try:
            return once(request, run, f"form {key}")
        except Problem as problem:
            if problem.code == "idempotency_mismatch":
                break
            if problem.code != "idempotency_running":
                raise
            time.sleep(0.25)  # the first of two clicks is still being answered; its answer is this one's too
    return run()


@require_POST
@needs("editor")
def resume(request: HttpRequest, ws: str, number: int) -> HttpResponse:
    """The same job goes on from its newest checkpoint, or from the one that is named; perhaps with the change that helps."""
    step = request.POST.get("step", "")
    try:
        services.resume_job(
            job=the_job(request, str(number)), from_step=int(step) if step.isdecimal() else None, params=_helping(request) or None
        )
    except Problem as problem:
        sorry(request, problem)
    return redirect("job", ws=ws, number=number)


def _helping(request: HttpRequest) -> dict[str, int]:
    """The settings a fix button changes."""
    keys = ("batch_size", "gradient_accumulation_steps")
    return {key: int(value) for key in keys if (value := request.POST.get(key, "")).isdecimal() and len(value) < 10}


@require_POST
@needs("editor")
def retry(request: HttpRequest, ws: str, number: int) -> HttpResponse:
    """A new job from a failed one with the change that helps, such as a smaller batch."""
    try:
        job = services.clone_job(job=the_job(request, str(number)), user=request.user, overrides={"params": _helping(request)})
    except Problem as problem:
        sorry(request, problem)
        return redirect("job", ws=ws, number=number)
    return redirect("job", ws=ws, number=job.number)


@require_POST
@needs("editor")
def register(request: HttpRequest, ws: str, number: int, step: int) -> HttpResponse:
    """A checkpoint becomes a model version."""
    try:
        version = registry.register_checkpoint(job=the_job(request, str(number)), step=step, user=request.user)
    except Problem as problem:
        sorry(request, problem)
        return redirect("job-tab", ws=ws, number=number, tab="checkpoints")
    done(request, _("Step %(step)s is now %(model)s.") % {"step": step, "model": version})
    return redirect("model-version", ws=ws, name=version.model.name, n=version.version)
