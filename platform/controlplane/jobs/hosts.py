"""What the page of worker hosts shows: each host with its devices, who uses them, and its load over a while, drawn as bars."""

from collections import defaultdict
from datetime import datetime
from typing import Any

from django.db.models.functions import Mod
from django.utils.translation import gettext as _

from controlplane.jobs.models import Allocation, Job, Worker, WorkerSample
from controlplane.jobs.schemas import worker_state
from controlplane.jobs.transitions import now
from controlplane.jobs.workers import minute_of

BARS = 60
LOOKS = 12  # minutes of a long span that are read for each bar
SPANS = {"1h": 60, "24h": 24 * 60, "7d": 7 * 24 * 60}  # minutes
HEIGHT = 20  # of the drawing


def bars(values: list[float | None]) -> dict[str, str]:
    """The bars of a share 0 to 1 as two paths on a grid of 60 × 20: the newest by itself. Where nothing is known nothing is drawn."""
    drawn = []
    for i, value in enumerate(values):
        if value is not None:
            height = f"{max(0.6, min(1.0, value) * HEIGHT):.1f}"
            drawn.append(f"M{i}.15 {HEIGHT}v-{height}h.7v{height}z")
    newest = drawn.pop() if values and values[-1] is not None else ""
    return {"past": "".join(drawn), "newest": newest}


class History:
    """The samples of all hosts over a span, averaged to one value for each bar."""

    def __init__(self, span: str, at: datetime) -> None:
        self.step = SPANS[span] // BARS
        self.last = minute_of(at) // self.step
        self.first = self.last - BARS + 1
        self.sums: dict[tuple[int, str, str], list[list[float]]] = defaultdict(lambda: [[] for _ in range(BARS)])
        rows = WorkerSample.objects.filter(minute__gte=self.first * self.step)
        if self.step > LOOKS:
            rows = rows.annotate(looked=Mod("minute", self.step // LOOKS)).filter(looked=0)
        for worker, minute, use, memory, devices in rows.values_list("worker_id", "minute", "use", "memory_used", "devices"):
            i = minute // self.step - self.first
            if not 0 <= i < BARS:
                continue
            self._add(worker, "cpu", "use", i, use)
            self._add(worker, "cpu", "memory_used", i, memory)
            for device, figures in devices.items():
                for what in ("use", "memory_used"):
                    self._add(worker, device, what, i, figures.get(what))

    def _add(self, worker: int, device: str, what: str, i: int, value: float | None) -> None:
        if value is not None:
            self.sums[(worker, device, what)][i].append(value)

    def drawn(self, worker: int, device: str, what: str, whole: float = 1.0) -> dict[str, str]:
        """Bars of one figure; `whole` is what a full bar means."""
        return bars([value / whole if value is not None and whole else None for value in self._means(worker, device, what)])

    def drawn_of_all(self, worker: int, devices: list[str], what: str, whole: float) -> dict[str, str]:
        """Bars of what several devices come to; `whole` is what a full bar means for all of them."""
        columns = zip(*(self._means(worker, device, what) for device in devices), strict=True)
        sums = [sum(value for value in column if value is not None) if any(v is not None for v in column) else None for column in columns]
        return bars([value / whole if value is not None and whole else None for value in sums])

    def _means(self, worker: int, device: str, what: str) -> list[float | None]:
        lists = self.sums.get((worker, device, what)) or [[]] * BARS
        return [sum(values) / len(values) if values else None for values in lists]


def places() -> dict[int, list[Allocation]]:
    """Everything that has a place now, by host."""
    found: dict[int, list[Allocation]] = defaultdict(list)
    for place in Allocation.objects.filter(released_at=None).select_related("attempt__job__workspace", "attempt__job__created_by"):
        found[place.worker_id].append(place)
    return found


def rows(workspace: int, span: str, opened: set[str] | None) -> list[dict[str, Any]]:
    """One for each host. Hosts serve every workspace: of jobs elsewhere only that a place is taken is shown.

    opened: the hosts whose devices are listed; None = the first that has several.
    """
    history, taken = History(span, now()), places()
    out = [row(worker, taken.get(worker.pk, []), history, workspace) for worker in Worker.objects.order_by("name")]
    several = [each for each in out if each["graphics"] and each["state"] != "offline"]
    names = {each["worker"].name for each in several if opened is None or each["worker"].name in opened}
    shown = set(sorted(names)[:1]) if opened is None else names
    for each in several:
        name = each["worker"].name
        each["opens"], each["open"] = True, name in shown
        each["others"] = ",".join(sorted(shown ^ {name}))
    return out


def row(worker: Worker, taken: list[Allocation], history: History, workspace: int) -> dict[str, Any]:
    """Use and memory are those of its graphics devices together, else of its processors and main memory."""
    load, state = worker.load or {}, worker_state(worker)
    told = load.get("devices") if isinstance(load.get("devices"), dict) else {}
    available = load.get("memory_available")
    used = worker.memory_bytes - available if isinstance(available, int | float) else None
    devices = [device_row(worker, device, taken, history, told, workspace) for device in worker.devices]
    graphics = [device for device in devices if device["kind"] != "cpu"]
    own = {
        "use": load.get("use"),
        "used": used,
        "whole": worker.memory_bytes,
        "use_bars": history.drawn(worker.pk, "cpu", "use"),
        "memory_bars": history.drawn(worker.pk, "cpu", "memory_used", float(worker.memory_bytes)),
    }
    for device in devices:
        device.update(own if device["kind"] == "cpu" else {})
    return {
        "worker": worker,
        "state": state,
        "devices": devices,
        "graphics": graphics,
        "running": [running(place, workspace) for place in taken],
        **(together(worker, graphics, history) if graphics else own),
    }


def together(worker: Worker, graphics: list[dict[str, Any]], history: History) -> dict[str, Any]:
    """What several devices come to: the mean of their use, the sum of their memory."""
    whole, ids = float(sum(device["whole"] for device in graphics)), [device["id"] for device in graphics]
    uses, held = ([device[key] for device in graphics if device[key] is not None] for key in ("use", "used"))
    return {
        "use": sum(uses) / len(uses) if uses else None,
        "used": sum(held) if held else None,
        "whole": whole,
        "use_bars": history.drawn_of_all(worker.pk, ids, "use", float(len(ids))),
        "memory_bars": history.drawn_of_all(worker.pk, ids, "memory_used", whole),
    }


def device_row(
    worker: Worker, device: dict[str, Any], taken: list[Allocation], history: History, told: Any, workspace: int
) -> dict[str, Any]:
    """state: used | held (granted, and not begun) | free."""
    here = [place for place in taken if place.device == device["id"] and place.slot == "whole"]
    figures, whole = told.get(device["id"]) or {}, float(device.get("memory_bytes") or 0)
    return {
        **device,
        "label": called(device["id"]),
        "state": "free" if not here else "used" if any(place.claimed_at for place in here) else "held",
        "running": [running(place, workspace) for place in taken if place.device == device["id"]],
        "use": figures.get("use"),
        "used": figures.get("memory_used"),
        "whole": whole,
        "celsius": figures.get("celsius"),
        "use_bars": history.drawn(worker.pk, device["id"], "use"),
        "memory_bars": history.drawn(worker.pk, device["id"], "memory_used", whole),
    }


def called(device: str) -> str:
    """`cuda:1` as people say it."""
    kind, _colon, number = device.partition(":")
    return _("GPU %(n)s") % {"n": number} if kind == "cuda" and number else kind.upper()


def running(place: Allocation, workspace: int) -> dict[str, Any]:
    """What has this place, if it is for this workspace's eyes."""
    job: Job = place.attempt.job
    mine = job.workspace_id == workspace
    endpoint = job.request.get("endpoint", "") if job.kind == "serve" else ""
    return {
        "job": job if mine else None,
        "endpoint": endpoint,
        "device": called(place.device),
        "held": place.claimed_at is None,
        "slot": place.slot,
    }
