"""Pages of datasets: uploading, one version with its rows, statistics and history."""

from typing import Any

from django.core.files.base import ContentFile
from django.db.models import Max
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from controlplane.data import figures, fixes, samples, services
from controlplane.data.api import the_dataset, the_version
from controlplane.data.intake import take_file
from controlplane.data.looking import OPERATORS, Look, composed, look
from controlplane.data.models import Dataset, DatasetVersion, Upload
from controlplane.data.nav import rows_of
from controlplane.errors import Problem
from controlplane.frame import slots
from controlplane.frame.pages import asked, done, page, sorry, wrong_fields
from controlplane.limits import limit
from controlplane.paging import listing
from controlplane.workspaces.access import needs
from controlplane.workspaces.models import Role
from workers.contract.states import VersionState

ACCEPT = ".csv,.tsv,.json,.jsonl,.ndjson,.parquet,.txt,.zip,.tar,.tar.gz,.tgz,.gz,.png,.jpg,.jpeg,.webp,.bmp,.gif,.wav,.flac,.mp3,.ogg"
TABS = ("preview", "statistics", "health", "versions", "uses", "source")
BY_NUMBER = {"version": "version"}
VIEWED = ("cursor", "split", "filter", "finding", "q", "offset", "row", "of", "view", "column", "op", "value")
ENCODINGS = ("utf-8", "gb18030", "utf-16", "latin-1", "windows-1252", "big5", "shift_jis", "euc-kr")


@require_GET
@needs("viewer")
def dataset(request: HttpRequest, ws: str, name: str) -> HttpResponse:
    """To its newest version."""
    newest = the_dataset(request, name).versions.order_by("-version").first()
    if newest is None:
        return redirect("new-dataset-version", ws=ws, name=name)
    return redirect("dataset-version", ws=ws, name=name, n=newest.version)


@require_http_methods(["GET", "POST"])
@needs("editor")
def new(request: HttpRequest, ws: str) -> HttpResponse:
    """A dataset and its first version from one form."""
    return _upload(request, None)


@require_http_methods(["GET", "POST"])
@needs("editor")
def new_version(request: HttpRequest, ws: str, name: str) -> HttpResponse:
    return _upload(request, the_dataset(request, name))


@require_POST
@needs("editor")
def sample(request: HttpRequest, ws: str) -> HttpResponse:
    """The sample of an installed package as a dataset of this workspace; asked again, it is the one that is there."""
    workspace: Any = request.workspace  # type: ignore[attr-defined]
    try:
        content = ContentFile(samples.reviews(samples.ROWS))
        dataset = Dataset.objects.filter(workspace=workspace, name=samples.NAME).first()
        dataset = dataset or services.create_dataset(workspace=workspace, user=request.user, name=samples.NAME, title=samples.TITLE)
        file = take_file(
            workspace=workspace, user=request.user, filename=samples.FILE, content_type="text/csv", file=content, size=content.size
        )
        services.add_version(dataset=dataset, user=request.user, uploads=[file])
    except FileNotFoundError:
        raise Http404 from None
    except Problem as problem:
        sorry(request, problem)
    return redirect("home", ws=ws)


def _upload(request: HttpRequest, onto: Dataset | None) -> HttpResponse:
    workspace: Any = request.workspace  # type: ignore[attr-defined]
    names = ("name", "title", "format", "encoding", "delimiter", "header", "train", "validation", "test", "method", "column", "seed")
    form = {name: request.POST.get(name, "") for name in names}
    wrong: dict[str, str] = {}
    uploads: list[Upload] = []
    if request.method == "POST":
        try:
            made = _make(request, workspace, onto, form, uploads)
            return redirect("dataset-version", ws=workspace.slug, name=made.dataset.name, n=made.version)
        except Problem as problem:
            wrong = {place.removeprefix("options.").removeprefix("split."): text for place, text in wrong_fields(problem).items()}
    crumbs: list[Any] = [(_("Datasets"), reverse("datasets", kwargs={"ws": workspace.slug}))]
    context = {
        "nav": "datasets",
        "crumbs": [*crumbs, (_("New version of %(name)s") % {"name": onto.name} if onto else _("New dataset"), "")],
        "onto": onto,
        "form": form,
        "wrong": wrong,
        "kept": uploads,
        "accept": ACCEPT,
        "limit": limit("upload_file"),
        "spare": spare_name(workspace),
        "formats": ("csv", "tsv", "json", "jsonl", "parquet", "txt", "images", "audio"),
        "encodings": ENCODINGS,
    }
    return page(request, "data/new.html", context, status=422 if wrong else 200)


def spare_name(workspace: Any) -> str:
    """A name for what has none that an address can carry: `dataset-2`."""
    taken = set(Dataset.objects.filter(workspace=workspace, name__startswith="dataset-").values_list("name", flat=True))
    return next(name for n in range(1, len(taken) + 2) if (name := f"dataset-{n}") not in taken)


def _make(request: HttpRequest, workspace: Any, onto: Dataset | None, form: dict[str, str], uploads: list[Upload]) -> DatasetVersion:
    """The version the form asks for. Without script the files come with the form, at most 16 MB each. uploads: takes what is on the server,
    also where something else of the form is wrong."""
    ids = list(dict.fromkeys(request.POST.getlist("uploads")))
    uploads += services.find_uploads(workspace, ids) if ids else []
    for file in request.FILES.getlist("file"):
        if (file.size or 0) > limit("form_file"):
            raise Problem(413, "too_large", _("%(name)s is larger than 16 MB; large files need the page's script.") % {"name": file.name})
        kind, size = file.content_type or "", file.size or 0
        uploads.append(
            take_file(workspace=workspace, user=request.user, filename=file.name or "file", content_type=kind, file=file, size=size)
        )
    options = services.read_options(_options(form))
    if not uploads:
        message = _("Choose at least one file.")
        raise Problem(422, "no_uploads", message, errors=[{"loc": ["body", "file"], "msg": message}])
    target = onto or services.create_dataset(workspace=workspace, user=request.user, name=form["name"].strip(), title=form["title"])
    return services.add_version(dataset=target, user=request.user, uploads=uploads, options=options)


def _options(form: dict[str, str]) -> dict[str, Any]:
    """The form's fields as the API's options; what is empty is guessed."""
    options: dict[str, Any] = {name: form[name] for name in ("format", "encoding") if form[name]}
    if form["delimiter"]:
        options["delimiter"] = {"tab": "\t", "blank line": "\n\n"}.get(form["delimiter"], form["delimiter"])
    if form["header"]:
        options["header"] = form["header"] == "yes"
    if form["seed"]:
        options["seed"] = form["seed"]
    parts: dict[str, Any] = {name: _fraction(form[name]) for name in ("train", "validation", "test") if form[name]}
    if form["column"]:
        options["split"] = {"column": form["column"]}
    elif parts:
        options["split"] = parts | ({"method": form["method"]} if form["method"] else {})
    return options


def _fraction(text: str) -> Any:
    """Percent to a fraction; what is no number is left for the options' own judge to name."""
    try:
        return float(text) / 100
    except ValueError:
        return text


@require_GET
@needs("viewer", query=VIEWED)
def version(request: HttpRequest, ws: str, name: str, n: int, tab: str = "preview") -> HttpResponse:
    if tab not in TABS:
        raise Http404
    if (address := composed(request.GET)) is not None:
        return redirect(f"{request.path}{address}")
    found = the_version(request, name, n)
    looked: Look | None = None
    wrong = ""
    if tab == "preview" and found.state == VersionState.READY:
        try:
            looked = look(request, found)
        except Problem as problem:
            wrong = f"{problem.detail} {problem.hint}"
    listed = reverse("datasets", kwargs={"ws": ws})
    versions = found.dataset.versions.defer("statistics", "shards").select_related("created_by")
    context = {
        "nav": "datasets",
        "crumbs": [(_("Datasets"), listed), (name, reverse("dataset", kwargs={"ws": ws, "name": name})), (f"v{n}", "")],
        "version": found,
        "rows": rows_of(found),
        "tab": tab,
        "look": looked,
        "wrong_look": wrong,
        "columns": figures.columns(found) if tab == "statistics" else [],
        "health": figures.health(found) if found.state == VersionState.READY else None,
        "troubles": figures.troubles(found.statistics.get("health") or {}),
        "classes": figures.classes(found) if tab == "health" else None,
        "uses": [use for made in slots.uses for use in made(request.workspace, str(found))],  # type: ignore[attr-defined]
        "blocked": services.used_by(found.dataset) if tab == "source" else [],
        "operators": OPERATORS,
        "thread": slots.Thread(request.workspace, here="dataset", dataset=str(found)),  # type: ignore[attr-defined]
        "version_count": found.dataset.versions.count(),
        **(listing(versions, asked(request), show=lambda row: row, sorts=BY_NUMBER, default="-version") if tab == "versions" else {}),
        "mend": _mend(found),
        "fixed": fixes.made(found),
        "may_edit": request.role.includes(Role.EDITOR),  # type: ignore[attr-defined]
        "formats": ("csv", "jsonl", "parquet"),
        "preparing": found.state == VersionState.PREPARING,
    }
    return page(request, "data/version.html", context, parts=("rows", "live"))


def _mend(found: DatasetVersion) -> dict[str, Any] | None:
    """What fixing all that can be fixed would give; None when there is nothing."""
    offered = fixes.offers(found) if found.state == VersionState.READY else []
    if not offered:
        return None
    newest = found.dataset.versions.aggregate(newest=Max("version"))["newest"]
    return {"outcome": fixes.outcome(found, [offer.fix for offer in offered]), "next": newest + 1}


@require_POST
@needs("editor")
def delete(request: HttpRequest, ws: str, name: str) -> HttpResponse:
    try:
        services.delete_dataset(dataset=the_dataset(request, name))
    except Problem as problem:
        sorry(request, problem)
        return redirect("dataset", ws=ws, name=name)
    done(request, _("Dataset %(name)s was deleted.") % {"name": name})
    return redirect("datasets", ws=ws)
