"""Two to twenty jobs beside each other: results with their change against a base, settings and environment, and what differs."""

from typing import Any, NamedTuple

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from controlplane import catalog
from controlplane.frame.called import called
from controlplane.frame.figures import duration, figure, size
from controlplane.frame.pages import said
from controlplane.frame.words import metric
from controlplane.jobs.metrics import direction
from controlplane.jobs.models import Allocation, Attempt, Job
from controlplane.jobs.table import taken
from controlplane.jobs.transitions import now
from controlplane.registry.models import ModelVersion
from workers.contract.recipe import Spec
from workers.contract.states import FINAL

MOST = 20
DASHES = ("", "6 4", "2 3", "8 3 2 3", "3 6", "10 4")
OWN = (("dataset", gettext_lazy("Dataset version")), ("recipe", gettext_lazy("Task")), ("base", gettext_lazy("Base model")))


class Cell(NamedTuple):
    """One job's value in a row. delta: against the base, with its sign · better: None = neither · star: best of the row."""

    text: str
    raw: Any = None
    delta: str = ""
    up: bool = False
    better: bool | None = None
    star: bool = False
    changed: bool = False
    note: str = ""


class Row(NamedTuple):
    name: str
    key: str
    cells: list[Cell]
    differs: bool


class Section(NamedTuple):
    """same: rows in which all jobs agree; they are shown only on request."""

    title: str
    rows: list[Row]
    same: int


def look(index: int) -> dict[str, str]:
    """The colour and dash of the n-th job, on the page and in its charts alike; series 7 to 12 repeat the colours in another dash."""
    return {"colour": f"s{index % 6 + 1}", "dash": DASHES[(index % 6 + index // 6) % 6]}


def sections(jobs: list[Job], base: Job, take: str, *, only_differences: bool) -> list[Section]:
    made = [
        (_("Results"), results(jobs, base, take)),
        (_("Settings"), settings(jobs, base)),
        (_("Environment"), environment(jobs, base)),
    ]
    out = []
    for title, rows in made:
        shown = [row for row in rows if row.differs or not only_differences]
        out.append(Section(title, shown, sum(not row.differs for row in rows)))
    return out


def results(jobs: list[Job], base: Job, take: str) -> list[Row]:
    """Every metric with a meaning of better, then peak memory, progress and time."""
    keys = sorted({key for job in jobs for key in job.metrics if direction(key)}, key=_importance)
    rows = [_measured(metric(key), key, [taken(job, key, take) for job in jobs], jobs.index(base), direction(key)) for key in keys]
    peaks = _peaks(jobs)
    rows.append(_measured(_("Peak memory"), "peak", [peaks.get(job.pk) for job in jobs], jobs.index(base), -1, size))
    steps = [(job.progress or {}).get("step") for job in jobs]
    totals = [(job.progress or {}).get("total_steps") for job in jobs]
    cells = [
        Cell(figure(step), step, note=f"/ {figure(total)}" if total and step != total else "")
        for step, total in zip(steps, totals, strict=True)
    ]
    rows.append(Row(_("Steps"), "steps", cells, _differ(steps)))
    times = [_seconds(job) for job in jobs]
    row = _measured(_("Run time"), "time", times, jobs.index(base), -1, duration)
    live = [
        cell._replace(note=_("so far"), star=False, delta="") if job.state not in FINAL else cell
        for job, cell in zip(jobs, row.cells, strict=True)
    ]
    return [*(row for row in rows if any(cell.raw is not None for cell in row.cells)), row._replace(cells=live)]


def _importance(key: str) -> tuple[int, int, str]:
    part, _sep, name = key.partition("/")
    parts, names = ("test", "eval", "validation", "train"), ("loss", "accuracy", "f1_macro", "perplexity", "bits_per_char")
    return (names.index(name) if name in names else len(names), parts.index(part) if part in parts else len(parts), key)


def _measured(name: str, key: str, values: list[Any], base: int, way: int, write: Any = figure) -> Row:
    """What is written alike is alike: no star, no change of −0 s."""
    known = [value for value in values if value is not None]
    written = ["–" if value is None else write(value) for value in values]
    best = write(min(known) if way < 0 else max(known)) if len(known) > 1 and _differ([write(value) for value in known]) else None
    cells = []
    for index, value in enumerate(values):
        comparable = value is not None and values[base] is not None and written[index] != written[base]
        change = value - values[base] if comparable else 0
        delta = f"{'+' if change > 0 else '−'}{write(abs(change))}" if change else ""
        better = (change < 0) == (way < 0) if change else None
        cells.append(Cell(written[index], value, delta, change > 0, better, written[index] == best))
    return Row(name, key, cells, _differ(written))


def _differ(values: list[Any]) -> bool:
    return any(value != values[0] for value in values[1:])


def _seconds(job: Job) -> float | None:
    until = job.finished_at or now()
    return (until - job.started_at).total_seconds() if job.started_at else None


def _peaks(jobs: list[Job]) -> dict[int, int]:
    found: dict[int, int] = {}
    for pk, peak in Attempt.objects.filter(job__in=jobs, peak_bytes__isnull=False).values_list("job_id", "peak_bytes"):
        found[pk] = max(found.get(pk, 0), peak or 0)
    return found


def settings(jobs: list[Job], base: Job) -> list[Row]:
    """What was asked: dataset, task, base model, the column that filled each role, and every setting by its title."""
    own: dict[str, list[Any]] = {
        "dataset": [job.dataset for job in jobs],
        "recipe": [job.recipe or job.kind for job in jobs],
        "base": [job.request.get("base_model") for job in jobs],
    }
    rows = [_plain(str(title), key, own[key], jobs.index(base)) for key, title in OWN]
    read = [job.work.get("columns") or {} for job in jobs]
    roles = {role: said(column.title) for spec in _specs(jobs) for role, column in spec.columns.items()}
    for role in [*roles, *sorted({role for columns in read for role in columns} - roles.keys())]:
        values = [columns.get(role) for columns in read]
        if any(values):
            name = _("Column: %(role)s") % {"role": roles.get(role) or called(role)}
            rows.append(_plain(name, f"column:{role}", values, jobs.index(base)))
    given = [job.work.get("params") or {} for job in jobs]
    fields = dict.fromkeys(field for spec in _specs(jobs) for field in spec.model_fields)  # in the form's order, whatever a database keeps
    asked = dict.fromkeys(key for params in given for key in params)
    keys = [*(key for key in fields if key in asked), *sorted(key for key in asked if key not in fields)]
    return rows + [_plain(title_of(jobs, key), key, [params.get(key) for params in given], jobs.index(base)) for key in keys]


def _specs(jobs: list[Job]) -> list[type[Spec]]:
    return [spec for spec in (catalog.recipe(job.recipe) for job in jobs) if spec is not None]


def title_of(jobs: list[Job], key: str) -> str:
    """A setting's title in the reader's language, from the first of the recipes that knows it."""
    for spec in _specs(jobs):
        field = spec.model_fields.get(key)
        if field is not None:
            both = (field.json_schema_extra or {}).get("title_i18n") if isinstance(field.json_schema_extra, dict) else None
            return said(both) if both else field.title or key
    return key


def environment(jobs: list[Job], base: Job) -> list[Row]:
    """Where each ran, and with which code and library versions as far as its model tells."""
    at = jobs.index(base)
    places: dict[int, str] = {}
    for place in Allocation.objects.filter(attempt__job__in=jobs).select_related("worker", "attempt").order_by("pk"):
        places[place.attempt.job_id] = f"{place.worker.name} {place.device}"
    lineage: dict[int, dict[str, Any]] = {}
    for pk, known in ModelVersion.objects.filter(job__in=jobs).order_by("pk").values_list("job_id", "lineage"):
        lineage[pk or 0] = known
    rows = [_plain(_("Worker"), "worker", [places.get(job.pk) for job in jobs], at)]
    rows.append(_plain(_("Code version"), "code", [_short(lineage.get(job.pk, {}).get("code")) for job in jobs], at))
    versions = [lineage.get(job.pk, {}).get("versions") or {} for job in jobs]
    for name in sorted({name for known in versions for name in known}):
        rows.append(_plain(name, f"version:{name}", [known.get(name) for known in versions], at))
    return [row for row in rows if any(cell.raw is not None for cell in row.cells)]


def _short(code: Any) -> str | None:
    return str(code)[:12] if code else None


def _plain(name: str, key: str, values: list[Any], base: int) -> Row:
    word = called if key == "recipe" else _written
    cells = [Cell(word(value), value, changed=index != base and value != values[base]) for index, value in enumerate(values)]
    return Row(name, key, cells, _differ(values))


def _written(value: Any) -> str:
    if value is None or value == "":
        return "–"
    if isinstance(value, bool):
        return _("on") if value else _("off")
    return figure(value) if isinstance(value, int | float) else str(value)


def same_step(jobs: list[Job], asked: int | None, prompt: int) -> dict[str, Any] | None:
    """Samples of one step side by side: the asked step, else the newest that most jobs have; one prompt at a time."""
    steps: dict[int, set[int]] = {}
    for job in jobs:
        for step in set(job.samples.values_list("step", flat=True)):
            steps.setdefault(step, set()).add(job.pk)
    if not steps:
        return None
    shared = max(len(of) for of in steps.values())
    choices = sorted(step for step, of in steps.items() if len(of) == shared)
    step = asked if asked in steps else choices[-1]
    by_prompt: dict[tuple[str, str], dict[int, dict[str, Any]]] = {}
    for job in jobs:
        for sample in job.samples.filter(step=step).order_by("pk")[:50]:
            about = (str(sample.data.get("title") or ""), str(sample.data.get("prompt") or ""))
            by_prompt.setdefault(about, {})[job.pk] = sample.data
    prompts = list(by_prompt)
    at = min(max(prompt, 1), len(prompts))
    title, text = prompts[at - 1]
    answers = by_prompt[prompts[at - 1]]
    return {
        "step": step,
        "steps": choices,
        "at": at,
        "count": len(prompts),
        "title": title,
        "prompt": text,
        "answers": [answers.get(job.pk) for job in jobs],
    }
