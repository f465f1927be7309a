"""What this room hands to the frame: count, stop of the lineage line, first step, recent models, what search finds."""

from typing import Any

from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from controlplane.frame import slots
from controlplane.frame.called import called
from controlplane.frame.figures import figure
from controlplane.jobs.models import Job
from controlplane.registry.models import Model, ModelVersion
from workers.contract.states import FINAL, VersionState


def address(ws: str, reference: str) -> str:
    """The page of `name@3`."""
    name, _at, number = reference.partition("@")
    return reverse("model-version", kwargs={"ws": ws, "name": name, "n": int(number)}) if number.isdecimal() else ""


def title(reference: str) -> str:
    """`name v3` of `name@3`."""
    return reference.replace("@", " v")


@slots.counter("models")
def count(workspace: Any) -> slots.Count:
    return slots.Count(Model.objects.filter(workspace=workspace).count() or "")


@slots.finder("model")
def stop(thread: slots.Thread) -> slots.Stop:
    """The model itself, else what the job or the dataset led to."""
    ws = thread.workspace.slug
    versions = ModelVersion.objects.filter(model__workspace=thread.workspace).select_related("model", "job")
    if thread.model:
        name, _at, number = thread.model.partition("@")
        version = versions.filter(model__name=name, version=int(number)).first() if number.isdecimal() else None
        if version is None:
            return slots.Stop(_("Model"), _("%(name)s, deleted") % {"name": title(thread.model)})
        thread.dataset = thread.dataset or str(version.lineage.get("dataset") or "")
        job = version.job
        if thread.job is None and job is not None and job.kind == "train":
            thread.job = job.number
        return slots.Stop(_("Model"), title(thread.model), address(ws, thread.model))
    if thread.here == "job":
        ended = Job.objects.filter(workspace=thread.workspace, number=thread.job or 0, state__in=FINAL).exists()
        return slots.Stop(_("Model"), _("None: the job ended without one") if ended else _("Registered when the job ends"))
    rows = (
        versions.filter(job__dataset=thread.dataset, state=VersionState.READY).order_by("-created_at")
        if thread.dataset
        else versions.none()
    )
    found, total = rows.first(), rows.count()
    if found is None:
        return slots.Stop(_("Models"), _("None yet"))
    thread.model = str(found)
    more = ngettext("%(text)s and %(n)s more", "%(text)s and %(n)s more", total - 1) % {"text": title(str(found)), "n": total - 1}
    return slots.Stop(_("Models"), title(str(found)) if total == 1 else more, address(ws, str(found)))


@slots.first_step("model")
def first_step(workspace: Any) -> dict[str, Any]:
    version = (
        ModelVersion.objects.filter(model__workspace=workspace, state=VersionState.READY)
        .select_related("model")
        .order_by("-created_at")
        .first()
    )
    if version is None:
        return {}
    text = _("%(model)s, accuracy %(n)s") if (n := (version.metrics or {}).get("test/accuracy")) else "%(model)s"
    shown = {"text": text % {"model": title(str(version)), "n": figure(n)}, "url": address(workspace.slug, str(version))}
    return {"done": True, **shown, "action": _("Open report")}


@slots.card("models")
def recent(request: HttpRequest) -> slots.Card | None:
    rows = ModelVersion.objects.filter(model__workspace=request.workspace)  # type: ignore[attr-defined]
    newest = list(rows.order_by("-pk").values_list("pk", flat=True)[:5])  # sorted by what the index holds, not with whole rows
    versions = rows.filter(pk__in=newest).select_related("model").defer("card", "files", "config").order_by("-pk")
    return slots.Card("registry/recent.html", {"versions": list(versions)}) if newest else None


def find(workspace: Any, q: str) -> tuple[Any, list[tuple[str, Any, str]]]:
    rows = Model.objects.filter(workspace=workspace, name__icontains=q).order_by("-created_at")[:5]
    return _("Models"), [(row.name, called(row.task), reverse("model", kwargs={"ws": workspace.slug, "name": row.name})) for row in rows]


def uses(workspace: Any, dataset: str) -> list[slots.Use]:
    """Model versions that learnt from this dataset version."""
    rows = ModelVersion.objects.filter(model__workspace=workspace, job__dataset=dataset, job__kind="train").select_related("model")
    found = rows.order_by("-created_at")[:100]
    return [slots.Use(_("Model"), title(str(row)), address(workspace.slug, str(row)), row, row.created_at) for row in found]


slots.uses.append(uses)
slots.searches.append(find)
