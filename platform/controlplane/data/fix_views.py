"""The page that shows what fixing a version's findings would change, and then makes the version."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from controlplane.data import fixes, services
from controlplane.data.api import ready, the_version
from controlplane.data.models import DatasetVersion
from controlplane.errors import Problem
from controlplane.frame.pages import done, page, sorry
from controlplane.workspaces.access import needs
from controlplane.workspaces.models import Role


@require_http_methods(["GET", "POST"])
@needs("viewer", query=("fix", "chosen"))
def fix(request: HttpRequest, ws: str, name: str, n: int) -> HttpResponse:
    """chosen: the boxes were looked at; without it every fix that has something to do is ticked."""
    found = the_version(request, name, n)
    may_edit = request.role.includes(Role.EDITOR)  # type: ignore[attr-defined]
    try:
        ready(found)
        if request.method == "POST":
            if not may_edit:
                raise Problem(403, "role", _("Only editors can make a version."))
            return _make(request, found)
    except Problem as problem:
        sorry(request, problem)
        return redirect("dataset-version", ws=ws, name=name, n=n)
    offered = fixes.offers(found)
    asked = request.GET.getlist("fix")
    chosen = [offer for offer in offered if offer.fix in asked or not (asked or "chosen" in request.GET)]
    newest = found.dataset.versions.order_by("-version").values_list("version", flat=True).first() or n
    listed, whole = reverse("datasets", kwargs={"ws": ws}), reverse("dataset-version", kwargs={"ws": ws, "name": name, "n": n})
    context = {
        "nav": "datasets",
        "crumbs": [(_("Datasets"), listed), (name, reverse("dataset", kwargs={"ws": ws, "name": name})), (f"v{n}", whole), (_("Fix"), "")],
        "version": found,
        "boxes": [(offer, offer in chosen) for offer in offered],
        "chosen": [(offer, fixes.examples(found, offer.fix)) for offer in chosen],
        "outcome": fixes.outcome(found, [offer.fix for offer in chosen]),
        "next": newest + 1,
        "may_edit": may_edit,
        "has": [fixes.WORDS[name][0] for name in found.options.get("fixes") or [] if name in fixes.WORDS],
    }
    return page(request, "data/fix.html", context)


def _make(request: HttpRequest, found: DatasetVersion) -> HttpResponse:
    made = services.fix_version(version=found, user=request.user, fixes=request.POST.getlist("fix"))
    words: dict[str, Any] = {"n": made.version, "old": found.version}
    told = _("v%(n)s is being prepared; v%(old)s stays as it is.") if made.fresh else _("v%(n)s has these fixes already.")
    done(request, told % words)
    return redirect("dataset-version", ws=found.dataset.workspace.slug, name=found.dataset.name, n=made.version)
