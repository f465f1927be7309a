"""What the New job page shows around the draft: tasks by kind of data, models with their memory, rows, settings, checks, code."""

import json
from datetime import timedelta
from functools import lru_cache
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from controlplane import catalog, forms
from controlplane.data import preview
from controlplane.data.looking import cell
from controlplane.data.models import DatasetVersion
from controlplane.errors import Problem
from controlplane.frame.figures import size
from controlplane.frame.pages import said
from controlplane.training import preflight, services, words
from controlplane.training.code import code
from controlplane.training.draft import NONE, PRESETS, Draft, domain_of, fits
from controlplane.training.estimate import Past, capacity, memory, past, seconds, verdict
from controlplane.training.fixes import fixes, setting
from controlplane.training.roles import mapped, roles, unused

ROWS = 3
SHOWN = 160  # characters of a cell
DOUBTS = ("like_id", "conflicts", "leakage")  # what keeps the data from being called good
HALF_A_DAY = 12 * 3600  # seconds; from then on an end has its date
QUIET = ("recipe", "params", "dataset", "base_model")  # said only when they fail


def context(request: HttpRequest, plan: Draft, wrong: dict[str, str], clone: str, once: str) -> dict[str, Any]:
    ws = request.workspace.slug  # type: ignore[attr-defined]
    body = plan.body()
    check = checked(request, plan, body) if plan.version else None
    params = _marked(check) | {place.removeprefix("params."): text for place, text in wrong.items() if place.startswith("params.")}
    groups = forms.groups(plan.spec, preset=plan.preset, sent=plan.sent or None, wrong=params)
    before = past(request.workspace, plan.spec)  # type: ignore[attr-defined]
    links = {place.replace("columns.", "c-"): text for place, text in (wrong | plan.wrong).items() if not place.startswith("params.")}
    if wrong:  # before the form was sent, the checks beside it name the setting and lead to it
        links |= {knob.id: f"{said(knob.title)}: {knob.wrong}" for group in groups for knob in group.knobs if knob.wrong}
    values = forms.effective(groups)
    return {
        "nav": "jobs",
        "crumbs": [(_("Jobs"), reverse("jobs", kwargs={"ws": ws})), (_("New job"), "")],
        "draft": plan,
        **tasks(plan),
        "models": models(plan, before),
        "room": capacity(plan.device),
        "sees": sees(plan, plan.version) if plan.version else None,
        "roles": roles(plan),
        "unused": unused(plan),
        "presets": presets(plan, before),
        "basis": f"{plan.spec.recipe}:{plan.preset}",
        "simple": [knob for group in groups for knob in group.knobs if knob.simple],
        "groups": [(group, summary(group)) for group in groups if any(not knob.simple for knob in group.knobs)],
        "total": len(values),
        "changed": sum(group.changed for group in groups),
        "json": json.dumps(values, ensure_ascii=False, indent=2),
        "none": NONE,
        "wrong": links,
        "clone": clone,
        "once": once,
        "check": check,
        "samples": code(settings.PUBLIC_URL or request.build_absolute_uri("/").rstrip("/"), ws, body),
    }


def _marked(check: dict[str, Any] | None) -> dict[str, str]:
    """Setting → what is wrong with it, as the checks found."""
    places = [place for item in (check or {}).get("checks", ()) if item["id"] == "params" and not item["ok"] for place in item["places"]]
    return {str(place["loc"][2]): str(place.get("msg", "")) for place in places if len(place.get("loc") or []) > 2}


def tasks(plan: Draft) -> dict[str, Any]:
    """domains: [(name, title, icon, on)] · methods: [(spec, fits the dataset)] of the chosen one."""
    known, here = list(catalog.recipes().values()), domain_of(plan.spec)
    there = {domain_of(spec) for spec in known}
    domains = [(name, title, icon, name == here) for name, (title, icon) in words.DOMAINS.items() if name in there]
    methods = [(spec, plan.version is None or fits(spec, plan.version)) for spec in known if domain_of(spec) == here]
    return {"domains": domains, "methods": sorted(methods, key=lambda pair: pair[0].method() == "majority")}


def models(plan: Draft, before: Past) -> list[dict[str, Any]]:
    """Each base model with the memory training on it takes; from scratch first, a hub model last."""
    scratch = {"value": NONE, "title": _("From scratch"), "size_bytes": None}
    rows: list[dict[str, Any]] = [] if plan.spec.base_models == "required" else [scratch]
    rows += [{**base, "title": said(base["title"])} for base in plan.bases]
    if "/" in plan.base_model:
        rows.append({"value": plan.base_model, "title": plan.base_model, "size_bytes": None, "license": _("from the hub"), "unknown": True})
    room = capacity(plan.device)
    for row in rows:
        need = memory(plan.spec, "" if row["value"] == NONE else str(row["value"]), row["size_bytes"] or 0, before)
        parameters = row.get("parameters") or 0
        row |= {"on": row["value"] == plan.base_model, "amount": amount(parameters) if parameters else ""}
        if not row.get("unknown"):
            row |= {"memory": need, "share": min(100, round(100 * need / room)) if room else 0, "verdict": verdict(need, room)}
    return rows


def amount(parameters: int) -> str:
    """22.7 M, 1.5 B"""
    return f"{parameters / 1e9:.1f} B" if parameters >= 1e9 else f"{parameters / 1e6:.1f} M"


def presets(plan: Draft, before: Past) -> list[dict[str, Any]]:
    """Each preset with its length and how long it would take on this dataset."""
    rows = preflight.rows_of(plan.version) if plan.version else 0
    out = []
    for name in (preset for preset in PRESETS if preset in plan.spec.presets):
        params = forms.defaults(plan.spec, name)
        title, note = words.PRESETS[name]
        if epochs := params.get("epochs"):
            note = ngettext("%(n)s epoch", "%(n)s epochs", epochs) % {"n": epochs}
            if params.get("early_stopping_patience"):
                note = _("%(length)s, stops early") % {"length": note}
        time = words.span(*seconds(plan.spec, params, rows, before)) if rows else ""
        out.append({"name": name, "title": title, "note": note, "time": time})
    return out


def summary(group: forms.Group) -> str:
    """What stands beside a closed group: what was changed, else its first values."""
    knobs = [knob for knob in group.knobs if knob.visible and not knob.simple]
    chosen = [knob for knob in knobs if knob.changed] or knobs[:2]
    parts = [
        f"{said(knob.title)} {words.ZERO.get(knob.name, '0') if knob.value == '0' else knob.value or '–'}"
        for knob in chosen
        if len(knob.value) < 24
    ][:2]
    return " · ".join(parts)


def sees(plan: Draft, version: DatasetVersion) -> dict[str, Any]:
    """The first rows as the model gets them: {rows: [[(role, cell)]], lengths, mapping: [(role title, column)]}."""
    columns = mapped(plan)
    try:
        items = _first_rows(version) if columns and version.state == "ready" else []
    except Problem:
        return {"rows": [], "lengths": "", "mapping": []}
    rows = [[(role, cell(version, item, columns[role], SHOWN)) for role in columns] for item in items]
    lengths = [sum(len(str(item["values"].get(name) or "")) for name in columns.values()) for item in items]
    media = any(version.features[name] in ("image", "audio") for name in columns.values())
    mapping = [(said(plan.spec.columns[role].title), name) for role, name in columns.items()]
    return {"rows": rows, "lengths": "" if media else [f"{length:,}" for length in lengths], "mapping": mapping}


def _first_rows(version: DatasetVersion) -> list[dict[str, Any]]:
    """A version never changes, so its first rows are read once."""
    return _read_first(version.pk)


@lru_cache(maxsize=64)
def _read_first(pk: int) -> list[dict[str, Any]]:
    version = DatasetVersion.objects.get(pk=pk)
    split = next(iter(preview.splits_of(version)), None)
    found: list[dict[str, Any]] = preview.page(version, split=split, offset=0, limit=ROWS, filters=[], q="")["items"]
    return found


def checked(request: HttpRequest, plan: Draft, body: dict[str, Any]) -> dict[str, Any]:
    """The dry run in the reader's language, each failed check with buttons that mend it."""
    try:
        found = preflight.dry_run(workspace=request.workspace, request=services.parse(body))  # type: ignore[attr-defined]
    except Problem as problem:
        failed = {"id": "params", "ok": False, "warning": False, "code": problem.code, "message": problem.detail, "places": problem.errors}
        found = {"checks": [failed], "estimate": {}, "queue": {}}
    for check in found["checks"]:
        if check["id"] == "columns" and check["ok"] and plan.open_roles():
            check |= {"warning": True, "code": "columns_guessed"}
    quiet = (*QUIET, "data") if {check["id"] for check in found["checks"]} & set(DOUBTS) else QUIET
    shown = [check for check in found["checks"] if not check["ok"] or check["id"] not in quiet]
    for check in shown:
        check |= {"title": _title(check, plan), "note": _note(check, plan, found), "fixes": fixes(check, plan, request.workspace.slug)}  # type: ignore[attr-defined]
    estimate, queue = found["estimate"], found["queue"]
    if range_ := estimate.get("seconds"):
        ends = [timezone.now() + timedelta(seconds=value) for value in range_]
        form = "clock" if range_[1] < HALF_A_DAY else "when"
        estimate |= {"span": words.span(*range_), "ends": ends, "form": form, "basis": words.basis(estimate["jobs"])}
        estimate["hours"] = [f"{value / 3600:.2f}" for value in range_] if plan.device == "cuda" else None
    waits = words.WAITS.get(queue.get("code") or "", "")
    passed = sum(check["ok"] and not check["warning"] for check in shown)
    return {"checks": shown, "passed": passed, "estimate": estimate, "queue": queue, "waits": waits}


def _title(check: dict[str, Any], plan: Draft) -> str:
    """Settings out of range are named."""
    names = [setting(plan, str(place["loc"][2])) for place in check["places"] if len(place.get("loc") or []) > 2]
    if check["id"] == "params" and not check["ok"] and names:
        return _("Out of range: %(names)s") % {"names": ", ".join(dict.fromkeys(names))}
    return words.title(check)


def _note(check: dict[str, Any], plan: Draft, found: dict[str, Any]) -> str:
    """The line under a check."""
    if check["id"] == "columns" and check["ok"]:
        return " · ".join(f"{said(plan.spec.columns[role].title)}: {name}" for role, name in mapped(plan).items())
    if check["code"]:
        return str(words.REMEDIES.get(check["code"], ""))
    if check["id"] == "resources" and found["estimate"].get("memory_bytes") and (room := capacity(plan.device)):
        return _("about %(need)s of %(room)s memory") % {"need": size(found["estimate"]["memory_bytes"]), "room": size(room)}
    if check["id"] == "data" and plan.version:
        return balance(plan.version, mapped(plan).get("label", ""))
    return ""


def balance(version: DatasetVersion, label: str) -> str:
    """How evenly the largest class of a label stands in each split; empty where there are no classes."""
    shares: dict[str, list[float]] = {}
    for part in (version.statistics.get("splits") or {}).values():
        counts = (part.get("classes") or {}).get(label) or {}
        total = sum(counts.values())
        for name, count in counts.items() if total else ():
            shares.setdefault(name, []).append(100 * count / total)
    if not shares:
        return ""
    name, found = max(shares.items(), key=lambda pair: sum(pair[1]))
    low, high = round(min(found)), round(max(found))
    share = str(low) if low == high else _("%(low)s to %(high)s") % {"low": low, "high": high}
    return _("%(share)s%% %(name)s in each split") % {"share": share, "name": name[:40]}
