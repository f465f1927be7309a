"""Pages of starting a job: one page in four parts, with what would happen beside it; retry, resume, register."""

import json
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_http_methods, require_POST

from controlplane import catalog, forms
from controlplane.errors import Problem
from controlplane.frame.pages import done, page, said, sorry, wrong_fields
from controlplane.jobs.api import the_job
from controlplane.registry import services as registry
from controlplane.training import preflight, services
from controlplane.training.draft import NONE, PRESETS, Draft, draft, fits
from controlplane.workspaces.access import needs

PRESET_WORDS = {
    "quick": (gettext_lazy("Quick try"), gettext_lazy("shows that everything works")),
    "balanced": (gettext_lazy("Balanced"), gettext_lazy("good results in fair time")),
    "best": (gettext_lazy("Best"), gettext_lazy("longer training, best result")),
}
CHECKS = {
    "recipe": gettext_lazy("The task is known"),
    "params": gettext_lazy("Every setting is in range"),
    "dataset": gettext_lazy("The dataset is ready and of a type the task reads"),
    "columns": gettext_lazy("Columns match the task"),
    "base_model": gettext_lazy("The base model fits"),
    "resources": gettext_lazy("A worker has the device and the memory"),
    "data": gettext_lazy("The data can be learnt from"),
}


@require_http_methods(["GET", "POST"])
@needs("editor", query=("dataset", "recipe", "clone", "preset", "base_model"))
def new(request: HttpRequest, ws: str) -> HttpResponse:
    """GET fills in what works; POST starts; POST with `refresh` draws the form again for what was changed."""
    workspace: Any = request.workspace  # type: ignore[attr-defined]
    clone = request.GET.get("clone") or request.POST.get("clone", "")
    source = the_job(request, clone) if clone else None
    posted = request.method == "POST"
    plan = draft(workspace, _first(request.POST if posted else request.GET), source if not posted else None)
    wrong: dict[str, str] = {}
    if posted and "refresh" not in request.POST:
        try:
            job = services.start_job(workspace=workspace, user=request.user, request=services.parse(plan.body()))
            return redirect("job", ws=ws, number=job.number)
        except Problem as problem:
            wrong = wrong_fields(problem)
    return page(request, "training/new.html", _context(request, plan, wrong, clone), parts=("job-form",), status=422 if wrong else 200)


def _first(query: Any) -> dict[str, str]:
    return {key: query[key] for key in query}


def _context(request: HttpRequest, plan: Draft, wrong: dict[str, str], clone: str) -> dict[str, Any]:
    ws = request.workspace.slug  # type: ignore[attr-defined]
    params = {place.removeprefix("params."): text for place, text in wrong.items() if place.startswith("params.")}
    groups = forms.groups(plan.spec, preset=plan.preset, sent=plan.sent or None, wrong=params)
    body = plan.body()
    links = {place.replace("columns.", "c-"): text for place, text in wrong.items() if not place.startswith("params.")}
    links |= {knob.id: f"{said(knob.title)}: {knob.wrong}" for group in groups for knob in group.knobs if knob.wrong}
    return {
        "nav": "jobs",
        "crumbs": [(_("Jobs"), reverse("jobs", kwargs={"ws": ws})), (_("New job"), "")],
        "draft": plan,
        "recipes": [(spec, plan.version is None or fits(spec, plan.version)) for spec in catalog.recipes().values()],
        "presets": [(value, *PRESET_WORDS[value]) for value in PRESETS if value in plan.spec.presets],
        "basis": f"{plan.spec.recipe}:{plan.preset}",
        "simple": [knob for group in groups for knob in group.knobs if knob.simple],
        "groups": groups,
        "total": sum(len(group.knobs) for group in groups),
        "changed": sum(group.changed for group in groups),
        "none": NONE,
        "wrong": links,
        "clone": clone,
        "check": _preflight(request, body) if plan.version else None,
        "samples": code(settings.PUBLIC_URL or request.build_absolute_uri("/").rstrip("/"), ws, body),
    }


def _preflight(request: HttpRequest, body: dict[str, Any]) -> dict[str, Any]:
    """The dry run with its passed checks in the reader's language."""
    try:
        found = preflight.dry_run(workspace=request.workspace, request=services.parse(body))  # type: ignore[attr-defined]
    except Problem as problem:
        return {
            "checks": [{"id": "params", "ok": False, "message": problem.detail, "fix": problem.hint}],
            "estimate": {},
            "queue": {},
            "passed": 0,
        }
    for check in found["checks"]:
        if check["ok"]:
            check["message"] = CHECKS.get(check["id"], check["message"])
        elif check["id"] == "params":
            check["message"], check["fix"] = _("A setting is out of range"), check["message"]
    found["estimate"]["basis"] = _basis(str(found["estimate"].get("basis") or ""))
    return found | {"passed": sum(check["ok"] for check in found["checks"])}


def _basis(text: str) -> str:
    """What an estimate rests on, in the reader's language."""
    number = next((int(word) for word in text.split() if word.isdecimal()), 0)
    if number:
        return ngettext("from %(n)s earlier job", "from %(n)s earlier jobs", number) % {"n": number}
    return _("from a guess")


def code(base: str, ws: str, body: dict[str, Any]) -> list[tuple[str, str]]:
    """The same request as curl, Python and JSON."""
    text = json.dumps(body, ensure_ascii=False, indent=2)
    url = f"{base}/api/v1/workspaces/{ws}/jobs"
    quoted = text.replace("'", "'\\''")
    curl = f"curl {url} \\\n  -H \"Authorization: Bearer $SLIPWAY_TOKEN\" \\\n  -H 'Content-Type: application/json' \\\n  -d '{quoted}'"
    python = (
        "import os, requests\n\njob = requests.post(\n"
        f'    "{url}",\n    headers={{"Authorization": f"Bearer {{os.environ[\'SLIPWAY_TOKEN\']}}"}},\n'
        f'    json={_indented(repr_json(body))},\n).json()\nprint(job["id"], job["state"])'
    )
    return [("curl", curl), ("Python", python), ("JSON", text)]


def repr_json(value: Any) -> str:
    """A JSON value as a Python literal."""
    text = json.dumps(value, ensure_ascii=False, indent=4)
    return text.replace(": true", ": True").replace(": false", ": False").replace(": null", ": None")


def _indented(text: str) -> str:
    return text.replace("\n", "\n    ")


@require_POST
@needs("editor")
def resume(request: HttpRequest, ws: str, number: int) -> HttpResponse:
    """The same job goes on from its newest checkpoint, or from the one that is named."""
    step = request.POST.get("step", "")
    try:
        services.resume_job(job=the_job(request, str(number)), from_step=int(step) if step.isdecimal() else None, params=None)
    except Problem as problem:
        sorry(request, problem)
    return redirect("job", ws=ws, number=number)


@require_POST
@needs("editor")
def retry(request: HttpRequest, ws: str, number: int) -> HttpResponse:
    """A new job from a failed one with the change that helps, such as a smaller batch."""
    params = {key: int(value) for key in ("batch_size", "gradient_accumulation_steps") if (value := request.POST.get(key, "")).isdecimal()}
    try:
        job = services.clone_job(job=the_job(request, str(number)), user=request.user, overrides={"params": params})
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
