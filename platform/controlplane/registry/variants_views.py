"""The table of a version's variants, the menu that makes one, and the forms that set the limit and delete."""

import math
from collections.abc import Iterable
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from controlplane.errors import Problem
from controlplane.frame.figures import UNITS
from controlplane.frame.pages import done, sorry
from controlplane.registry import nav, quality, report, services, variants
from controlplane.registry.api import the_model, the_version
from controlplane.registry.models import ModelVersion, Variant
from controlplane.registry.variants_api import the_variant
from controlplane.workspaces.access import needs

EXPECT: dict[str, Promise] = {
    "int8": gettext_lazy("Large layers in 8 bits: about a quarter of the size, mostly faster on CPUs. Quality may drop a little."),
    "bf16": gettext_lazy("All weights in half the bytes. Quality hardly changes; faster only where the processor computes in bf16."),
}

ALIKE = 0.1  # two runs of the same on one machine differ by this much


def context(version: ModelVersion, *, failed: bool) -> dict[str, Any]:
    """What the table and the menu show. failed: with the tries that came to nothing."""
    rows = list(version.variants.select_related("job", "created_by").order_by("created_at", "pk"))
    ready = [row for row in rows if row.state == "ready"]
    newest = max(ready, key=lambda row: row.measured_at or row.created_at, default=None)
    reference = newest.measured["reference"] if newest else {"size_bytes": version.size_bytes, "metrics": version.metrics}
    kept = [row for row in rows if row.state != "failed"]
    metric = quality.main_metric(version, reference["metrics"])
    limit = quality.limit_of(version, reference["metrics"])
    scale = _scale([reference["size_bytes"], *((row.measured.get("variant") or {}).get("size_bytes") for row in ready)])
    shown = [_line(row, metric, scale, newest) for row in (rows if failed else kept)]
    return {
        "variants": [{"name": variants.REFERENCE, **_figures(reference, metric, scale)}, *shown] if shown else [],
        "variant_count": len(kept) + 1 if kept else 0,
        "making": any(row.state == "optimising" for row in rows),
        "offers": (offers := [_offer(name, rows) for name in variants.offered(version)]),
        "free": any(not offer["blocked"] for offer in offers),
        "unit": UNITS[scale],
        "metric": report.NAMES.get(metric.split("/")[-1], metric),
        "limit": limit,
        "limit_shown": report.short(limit.value) if limit else "",
        "newest": newest,
        "measured_on": _place(newest) if newest else "",
    }


def _offer(name: str, rows: Iterable[Variant]) -> dict[str, Any]:
    """A variant that can be made: what to expect of it, and why it cannot be made just now."""
    there = next((row for row in rows if row.variant == name and row.state != "failed"), None)
    blocked = _("It is there already.") if there else ""
    if there and there.state == "optimising" and there.job:
        blocked = _("Job #%(n)s is making it.") % {"n": there.job.number}
    return {"name": name, "expect": EXPECT.get(name, ""), "blocked": blocked}


def _line(row: Variant, metric: str, scale: int, newest: Variant | None) -> dict[str, Any]:
    own, reference = (row.measured.get(which) or {} for which in ("variant", "reference"))
    value, known = ((each.get("metrics") or {}).get(metric) for each in (own, reference))
    other = newest is not None and row.state == "ready" and row.pk != newest.pk
    return {
        "name": row.variant,
        "row": row,
        **_figures(own, metric, scale),
        "delta": _signed(value, known),
        "verdict": quality.verdict(row),
        "serving": services.serving(row) if row.state == "ready" else [],
        "away": _away(row, newest) if other and newest else [],
    }


def _away(row: Variant, newest: Variant) -> list[str]:
    """In what a variant was measured otherwise than the newest, whose reference and circumstances the table shows."""
    notes = []
    if (_place(row), _threads(row)) != (_place(newest), _threads(newest)):
        notes.append(_("%(where)s, threads: %(n)s") % {"where": _place(row), "n": _threads(row)})
    then, now = ((each.measured.get("reference") or {}).get("p50_ms") for each in (row, newest))
    if then and now and abs(then - now) > now * ALIKE:
        notes.append(_("fp32 in the same run: p50 %(n)s ms") % {"n": three(then)})
    return notes


def _figures(found: dict[str, Any], metric: str, scale: int) -> dict[str, str]:
    size = found.get("size_bytes")
    return {
        "size": _size(size / 1000**scale) if size else "–",
        **{name: three(found.get(name)) for name in variants.FIGURES},
        "quality": report.short((found.get("metrics") or {}).get(metric)),
    }


def _size(amount: float) -> str:
    return f"{amount:,.0f}" if amount >= 100 else f"{amount:.1f}" if amount >= 1 else f"{amount:.2g}"


def _scale(sizes: Iterable[int | None]) -> int:
    """The unit in which the largest of them is a figure below a thousand."""
    most = max((size for size in sizes if size), default=1)
    return min(len(UNITS) - 1, int(math.log10(most)) // 3)


def three(value: float | None) -> str:
    """Three significant digits, whole from a hundred on."""
    if not isinstance(value, int | float):
        return "–"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _signed(value: Any, known: Any) -> str:
    """The change from the one to the other with its sign; empty where one is not known."""
    moved = report.change("", value, known)
    if not moved["delta"]:
        return "" if moved["delta"] is None else "0"
    return str(moved["moved"]) if moved["delta"] < 0 else f"+{moved['moved']}"


def _place(row: Variant) -> str:
    return f"{nav.title(row.dataset)} · {row.split}"


def _threads(row: Variant) -> int:
    return int(row.measured.get("threads") or 1)


def _back(request: HttpRequest, ws: str, name: str, n: int) -> HttpResponse:
    tab = request.POST.get("tab", "")
    return (
        redirect("model-version", ws=ws, name=name, n=n)
        if tab == "report"
        else redirect("model-tab", ws=ws, name=name, n=n, tab="variants")
    )


@require_POST
@needs("editor")
def optimise(request: HttpRequest, ws: str, name: str, n: int) -> HttpResponse:
    """Start making a variant, measured on what the version learnt from unless the form says otherwise."""
    given = request.POST
    version, variant = the_version(request, name, n), given.get("variant", "")
    dataset, split = given.get("dataset") or None, given.get("split") or "test"
    try:
        services.optimize(version=version, user=request.user, variant=variant, dataset=dataset, split=split)
        done(request, _("%(variant)s is being made and measured.") % {"variant": variant})
    except Problem as problem:
        sorry(request, problem)
    return redirect("model-tab", ws=ws, name=name, n=n, tab="variants")


@require_POST
@needs("editor")
def delete(request: HttpRequest, ws: str, name: str, n: int, variant: str) -> HttpResponse:
    found = the_variant(request, name, n, variant)
    try:
        services.delete_variant(variant=found)
        done(request, _("%(name)s was deleted.") % {"name": f"{name} v{n} {variant}"})
    except Problem as problem:
        sorry(request, problem)
    return redirect("model-tab", ws=ws, name=name, n=n, tab="variants")


@require_POST
@needs("editor")
def limit(request: HttpRequest, ws: str, name: str, n: int) -> HttpResponse:
    """Set the model's quality limit; empty for the one that follows from each version."""
    text = request.POST.get("limit", "").strip()
    try:
        value = float(text) if text else None
    except ValueError:
        value = math.nan
    if value is not None and not 0 <= value <= quality.MOST:
        sorry(request, Problem(422, "invalid", _("Give a number of at least 0, or leave it empty.")))
    else:
        services.set_quality_limit(model=the_model(request, name), limit=value)
        done(request, _("The quality limit of %(name)s has changed.") % {"name": name})
    return _back(request, ws, name, n)
