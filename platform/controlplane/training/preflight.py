"""The dry run: what would happen, created by nobody. The same checks as starting, one by one, each failed one with its fix."""

from typing import Any

from controlplane.errors import Problem
from controlplane.jobs.models import Job, Worker
from controlplane.jobs.scheduler import hosts, queue
from controlplane.training.services import Plan, TrainRequest, plan
from workers.contract.names import MiB
from workers.contract.states import JobState

CHECKS = {
    "columns": ("columns",),
    "dataset": ("unknown_dataset", "dataset_not_ready", "wrong_format", "not_found"),
    "params": ("invalid_params",),
    "base_model": ("base_model_required", "no_base_model", "unknown_base_model", "base_model_not_ready", "wrong_architecture"),
    "resources": ("wrong_device", "one_device_only", "no_such_device", "will_not_fit"),
}
MESSAGES = {
    "recipe": "The recipe is known.",
    "params": "Every setting is in range.",
    "dataset": "The dataset is ready and of a type the recipe reads.",
    "columns": "Columns match the recipe.",
    "base_model": "The base model fits.",
    "resources": "A worker has the device and the memory.",
    "data": "The data can be learnt from.",
}
BASE_BYTES = 700 * MiB  # the libraries of a training process


def dry_run(*, workspace: Any, request: TrainRequest) -> dict[str, Any]:
    """{checks, estimate, queue}."""
    failed: dict[str, dict[str, Any]] = {}
    found: Plan | None = None
    try:
        found = plan(workspace=workspace, request=request)
    except Problem as problem:
        if problem.status >= 500:
            raise
        name = next(
            (check for check, codes in CHECKS.items() if problem.code in codes), "recipe" if problem.code == "unknown_recipe" else "data"
        )
        details = "; ".join(str(e.get("msg", "")) for e in problem.errors) or problem.detail
        failed[name] = {"id": name, "ok": False, "message": details, "fix": problem.hint or None}
    checks = []
    for name, message in MESSAGES.items():
        checks.append(failed.get(name) or {"id": name, "ok": True, "message": message, "fix": None})
        if name in failed:
            break  # what comes after was not looked at
    return {"checks": checks, "estimate": estimate(workspace, found), "queue": expected_queue(request)}


def estimate(workspace: Any, found: Plan | None) -> dict[str, Any]:
    """Seconds as a range with its basis: earlier jobs of the same recipe, scaled by rows; else a wide guess."""
    if found is None:
        return {"seconds": None, "memory_bytes": None, "basis": "the request does not hold yet"}
    rows = sum(found.version.splits.values()) or 1
    rates, peaks = [], []
    earlier = Job.objects.filter(workspace=workspace, recipe=found.spec.recipe, state=JobState.SUCCEEDED).order_by("-number")[:5]
    for job in earlier:
        seconds = (job.finished_at - job.started_at).total_seconds() if job.started_at and job.finished_at else 0
        done = sum((job.work.get("dataset") or {}).get("rows", {}).values()) or 1
        rates.append(seconds / done * epochs(found.params.model_dump()) / epochs(job.work.get("params") or {}))
        peaks += [p for p in job.attempts.values_list("peak_bytes", flat=True) if p]
    base = sum(f.size for f in found.base.files) if found.base else 0
    memory = max(peaks, default=0) or BASE_BYTES + 4 * base
    if rates:
        low, high = min(rates) * rows, max(rates) * rows
        return {
            "seconds": [round(0.8 * low, 1), round(1.3 * high + 1, 1)],
            "memory_bytes": memory,
            "basis": f"from {len(rates)} earlier jobs",
        }
    if found.spec.method() == "majority":
        return {"seconds": [1, 5], "memory_bytes": memory, "basis": "from a guess"}
    per_row = 0.004 * epochs(found.params.model_dump())
    return {"seconds": [round(10 + rows * per_row * 0.3), round(30 + rows * per_row * 3)], "memory_bytes": memory, "basis": "from a guess"}


def epochs(params: dict[str, Any]) -> float:
    return float(params.get("epochs") or 1)


def expected_queue(request: TrainRequest) -> dict[str, Any]:
    """Where it would stand, and why it would wait."""
    waiting = len(queue())
    device = request.resources.device if request.resources else "cpu"
    places = hosts()
    if not places:
        known = Worker.objects.exists()
        return {"position": waiting + 1, "wait_seconds": None, "reason": "No worker is online." if known else "No worker has joined yet."}
    free = any(set(h.devices(device)) - h.whole for h in places)
    if free and not waiting:
        return {"position": 1, "wait_seconds": 0, "reason": None}
    return {
        "position": waiting + 1,
        "wait_seconds": None,
        "reason": "Every device is in use." if not free else f"{waiting} jobs are before it.",
    }
