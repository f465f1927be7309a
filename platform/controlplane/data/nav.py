"""What this room hands to the frame: the count, its stop of the lineage line, the first step, what search finds."""

from typing import Any

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from controlplane.data import samples
from controlplane.data.intake import workspace_bytes
from controlplane.data.models import Dataset, DatasetVersion
from controlplane.frame import slots
from workers.contract.states import VersionState


def address(ws: str, reference: str) -> str:
    """The page of `name@3`."""
    name, _at, number = reference.partition("@")
    return reverse("dataset-version", kwargs={"ws": ws, "name": name, "n": int(number)}) if number.isdecimal() else ""


def rows_of(version: DatasetVersion) -> int:
    return sum(version.splits.values())


@slots.quota("workspace_storage")
def stored(request: Any) -> int:
    return workspace_bytes(request.workspace)


@slots.counter("datasets")
def count(workspace: Any) -> slots.Count:
    preparing = DatasetVersion.objects.filter(dataset__workspace=workspace, state=VersionState.PREPARING).exists()
    return slots.Count(Dataset.objects.filter(workspace=workspace).count(), live=preparing)


@slots.finder("dataset")
def stop(thread: slots.Thread) -> slots.Stop:
    """The dataset the thread names; what was brought or not recorded says so."""
    name, _at, number = thread.dataset.partition("@")
    label = _("Dataset")
    if not number.isdecimal():
        return slots.Stop(label, _("None recorded"))
    version = DatasetVersion.objects.filter(dataset__workspace=thread.workspace, dataset__name=name, version=int(number)).first()
    if version is None:
        return slots.Stop(label, _("%(name)s v%(n)s, deleted") % {"name": name, "n": number})
    text = f"{name} v{number}"
    if rows := rows_of(version):
        text = ngettext("%(text)s · %(n)s row", "%(text)s · %(n)s rows", rows) % {"text": text, "n": f"{rows:,}"}
    return slots.Stop(label, text, address(thread.workspace.slug, thread.dataset))


@slots.first_step("dataset")
def first_step(workspace: Any) -> dict[str, Any]:
    """A sample where a package carries one, else an upload; then the newest version."""
    slug = workspace.slug
    versions = DatasetVersion.objects.filter(dataset__workspace=workspace).select_related("dataset").defer("statistics", "shards")
    version = versions.filter(state=VersionState.READY).order_by("-created_at").first()
    if version is not None:
        rows = rows_of(version)
        text = ngettext("%(name)s, %(n)s row", "%(name)s, %(n)s rows", rows) % {"name": version.dataset.name, "n": f"{rows:,}"}
        return {"done": True, "text": text, "url": address(slug, str(version)), "action": _("Look at it")}
    last = versions.order_by("-created_at").first()
    if last is not None and last.state == VersionState.PREPARING:
        text = _("%(name)s is being read.") % {"name": last.dataset.name}
        return {"live": True, "text": text, "url": address(slug, str(last)), "action": _("Watch it")}
    upload = reverse("new-dataset", kwargs={"ws": slug})
    if samples.folder() is None:
        return {"text": "", "url": upload, "action": _("Upload data")}
    words = _("%(n)s product reviews in Chinese, or a file of your own.") % {"n": f"{samples.ROWS:,}"}
    sample = {"url": reverse("sample-data", kwargs={"ws": slug}), "action": _("Use sample data"), "fields": {}}
    return {"text": words, **sample, "also": [(_("Upload your own"), upload)]}


def find(workspace: Any, q: str) -> tuple[Any, list[tuple[str, Any, str]]]:
    rows = Dataset.objects.filter(workspace=workspace, name__icontains=q).order_by("-created_at")[:5]
    return _("Datasets"), [(row.name, row.title, reverse("dataset", kwargs={"ws": workspace.slug, "name": row.name})) for row in rows]


def standing(workspace: Any, references: list[str]) -> set[str]:
    names = {reference.partition("@")[0] for reference in references}
    versions = DatasetVersion.objects.filter(dataset__workspace=workspace, dataset__name__in=names).values_list("dataset__name", "version")
    return {f"{name}@{number}" for name, number in versions} & set(references)


slots.searches.append(find)
slots.standing["dataset"] = standing
