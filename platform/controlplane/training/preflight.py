"""The dry run: what would happen, created by nobody. The same checks as starting, one by one, each failed one with its code and fix."""

from typing import Any

from controlplane import catalog
from controlplane.data.models import DatasetVersion
from controlplane.errors import Problem
from controlplane.jobs.models import Worker
from controlplane.jobs.scheduler import hosts, queue
from controlplane.training.doubts import of_data, of_steps
from controlplane.training.estimate import Past, capacity, memory, past, seconds
from controlplane.training.services import Plan, TrainRequest, plan

CHECKS = {
    "recipe": ("unknown_recipe", "other_task"),
    "dataset": ("unknown_dataset", "dataset_not_ready", "wrong_format", "not_found"),
    "columns": ("columns",),
    "params": ("invalid_params",),
    "base_model": (
        "base_model_required", "no_base_model", "unknown_base_model", "bad_hub_id", "base_model_not_ready", "wrong_architecture",
    ),
    "resources": ("wrong_device", "one_device_only", "no_such_device", "will_not_fit"),
}  # fmt: skip
MESSAGES = {
    "recipe": "The recipe is known.",
    "dataset": "The dataset is ready and of a type the recipe reads.",
    "params": "Every setting is in range.",
    "columns": "Columns match the recipe.",
    "base_model": "The base model fits.",
    "resources": "A worker has the device and the memory.",
    "data": "The data can be learnt from.",
}


def dry_run(*, workspace: Any, request: TrainRequest) -> dict[str, Any]:
    """{checks: [{id, ok, warning, code, message, fix, places}], estimate, queue}. A warning does not keep the job from starting."""
    failed: dict[str, dict[str, Any]] = {}
    found: Plan | None = None
    try:
        found = plan(workspace=workspace, request=request)
    except Problem as problem:
        if problem.status >= 500:
            raise
        failed = {check["id"]: check for check in _failed(problem)}
    checks = []
    for name, message in MESSAGES.items():
        checks.append(failed.get(name) or _check(name, message))
        if (name in failed and name != "params") or (name == "columns" and "params" in failed):
            break  # what comes after was not looked at; settings and columns are looked at together
    if found:
        checks += warnings(workspace, found)
    return {"checks": checks, "estimate": estimate(workspace, found), "queue": expected_queue(request)}


def _check(name: str, message: str, **more: Any) -> dict[str, Any]:
    return {"id": name, "ok": True, "warning": False, "code": None, "message": message, "fix": None, "places": [], **more}


def _failed(problem: Problem) -> list[dict[str, Any]]:
    """One check for each part the problem names: settings and columns may both be wrong at once."""
    name = next((check for check, codes in CHECKS.items() if problem.code in codes), "data")
    parts: dict[str, list[dict[str, Any]]] = {}
    for error in problem.errors:
        place = str((error.get("loc") or ["", ""])[1]) if len(error.get("loc") or []) > 1 else ""
        parts.setdefault(place if name == "params" and place in ("params", "columns") else name, []).append(error)
    out = []
    for part, errors in (parts or {name: []}).items():
        text = " ".join(_sentence(str(error.get("msg", ""))) for error in errors) or problem.detail
        code = problem.code if part == name else part
        out.append(_check(part, text, ok=False, code=code, fix=problem.hint or None, places=errors))
    return out


def _sentence(text: str) -> str:
    return text if text.endswith(".") else f"{text}."


def warnings(workspace: Any, found: Plan) -> list[dict[str, Any]]:
    """What would not stop the job but mislead it: see `doubts`, and memory that is short."""
    doubts = of_data(found.version, found.columns) + of_steps(found.version, found.spec, found.params.model_dump())
    out = [_check(doubt["code"], warning=True, **doubt) for doubt in doubts]
    device = found.resources.device
    need, room = memory(found.spec, base_name(found), base_bytes(found), past(workspace, found.spec)), capacity(device)
    if room and need > room:
        text = f"About {need} bytes of memory are needed; the largest {device} device has {room}."
        out.append(_check("memory", text, warning=True, code="will_not_fit", fix="Choose a smaller model or a smaller batch."))
    return out


def base_name(found: Plan) -> str:
    """How a request names the base model: `name@3` of the workspace, else its id; empty from scratch."""
    base = found.base
    return "" if base is None else f"{base.name}@{base.version}" if base.version else base.name


def base_bytes(found: Plan) -> int:
    """Bytes of the base model's weights, as far as they are known before it is fetched."""
    if found.base is None:
        return 0
    listed = {model["id"]: int(model["size_bytes"]) for model in catalog.base_models(found.spec)}
    return listed.get(found.base.catalog or "", 0) or sum(file.size for file in found.base.files)


def rows_of(version: DatasetVersion) -> int:
    return sum(version.splits.values()) or 1


def estimate(workspace: Any, found: Plan | None) -> dict[str, Any]:
    """Seconds as a range with its basis: earlier jobs of the same recipe, scaled by rows; else a wide guess."""
    if found is None:
        return {"seconds": None, "memory_bytes": None, "basis": "the request does not hold yet", "jobs": 0}
    before: Past = past(workspace, found.spec)
    return {
        "seconds": seconds(found.spec, found.params.model_dump(), rows_of(found.version), before),
        "memory_bytes": memory(found.spec, base_name(found), base_bytes(found), before),
        "basis": f"from {len(before.rates)} earlier jobs" if before.rates else "from a guess",
        "jobs": len(before.rates),
    }


def expected_queue(request: TrainRequest) -> dict[str, Any]:
    """Where it would stand, and why it would wait. code: no_worker | waiting_for_device | behind_others, None when it starts at once."""
    waiting = len(queue())
    device = request.resources.device if request.resources else "cpu"
    places = hosts()
    if not places:
        known = Worker.objects.exists()
        reason = "No worker is online." if known else "No worker has joined yet."
        return {"position": waiting + 1, "wait_seconds": None, "reason": reason, "code": "no_worker", "free": 0, "devices": 0}
    free = sum(len(set(host.devices(device)) - host.whole) for host in places)
    shown = {"position": waiting + 1, "free": free, "devices": sum(len(host.devices(device)) for host in places)}
    if free and not waiting:
        return shown | {"wait_seconds": 0, "reason": None, "code": None}
    if not free:
        return shown | {"wait_seconds": None, "reason": "Every device is in use.", "code": "waiting_for_device"}
    return shown | {"wait_seconds": None, "reason": f"{waiting} jobs are before it.", "code": "behind_others"}
