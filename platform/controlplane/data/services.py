"""The verbs of the data room: datasets and their immutable versions. Uploads have theirs in `intake`."""

import hashlib
import re
import unicodedata
from collections.abc import Callable, Sequence
from typing import Any

import orjson
from django.db import IntegrityError, transaction
from django.utils import timezone
from pydantic import ValidationError

from controlplane import artifacts
from controlplane.audit.services import record
from controlplane.complaints import from_pydantic, problem
from controlplane.data import spool
from controlplane.data.intake import expire_uploads, finish_upload
from controlplane.data.kinds import kind_of
from controlplane.data.models import Dataset, DatasetVersion, Upload
from controlplane.errors import Problem, nearest
from controlplane.jobs.models import Job
from controlplane.jobs.services import create_job
from controlplane.names import check_slug, check_title
from workers.contract.digest import content_digest
from workers.contract.events import End
from workers.contract.options import FIXES, PrepareOptions
from workers.contract.orders import DatasetRef, FileRef, PrepareWork
from workers.contract.states import FINAL, VersionState

__all__ = [
    "add_version",
    "create_dataset",
    "delete_dataset",
    "expire_uploads",
    "find_version",
    "fix_version",
    "preparation_ended",
    "ref",
    "used_by",
]

REFERENCE = re.compile(r"([a-z0-9-]{1,63})(?:@([1-9][0-9]{0,8}))?")
_users: list[Callable[[Dataset], list[str]]] = []


def create_dataset(*, workspace: Any, user: Any, name: str, title: str = "") -> Dataset:
    """A dataset without versions. Raises 422 for a bad name or title, 409 when the name is taken."""
    name, title = check_slug(name), check_title(title)
    try:
        with transaction.atomic():
            dataset: Dataset = Dataset.objects.create(workspace=workspace, name=name, title=title, created_by=user)
            record(action="dataset.create", target=dataset, workspace=workspace, data={"title": title})
    except IntegrityError:
        hint = "Choose another name, or add a version to the dataset that is there."
        raise Problem(409, "name_taken", f"There is already a dataset `{name}` in this workspace.", hint) from None
    return dataset


def users_hook(find: Callable[[Dataset], list[str]]) -> Callable[[Dataset], list[str]]:
    """Let a room above name what it has made from a dataset (`model reviews-clf@1`); usable as a decorator."""
    _users.append(find)
    return find


def used_by(dataset: Dataset) -> list[str]:
    """What would lose its ground if the dataset went: unfinished jobs, and what the rooms above name."""
    jobs = Job.objects.filter(workspace=dataset.workspace, dataset__startswith=f"{dataset.name}@").exclude(state__in=list(FINAL))
    found = [f"job #{number}" for number in jobs.order_by("number").values_list("number", flat=True)[:50]]
    for find in _users:
        found += find(dataset)
    return found


def delete_dataset(*, dataset: Dataset) -> None:
    """Remove a dataset, its versions and their bytes. Raises 409 naming whatever uses it."""
    with transaction.atomic():
        Dataset.objects.select_for_update().get(pk=dataset.pk)
        users = used_by(dataset)
        if users:
            more = f" and {len(users) - 10} more" if len(users) > 10 else ""
            detail = f"`{dataset.name}` is used by {', '.join(users[:10])}{more}."
            errors = [{"loc": ["path", "name"], "msg": user} for user in users]
            raise Problem(409, "in_use", detail, "Stop or delete what uses it first.", errors)
        shards = [ref["uri"] for version in dataset.versions.all() for refs in version.shards.values() for ref in refs]
        record(action="dataset.delete", target=dataset, workspace=dataset.workspace, data={"versions": dataset.versions.count()})
        prefix = _folder(dataset)
        dataset.delete()
    for uri in shards:
        artifacts.delete(uri)
    artifacts.delete_prefix(prefix)


def _folder(dataset: Dataset) -> str:
    return f"ws/{dataset.workspace_id}/datasets/{dataset.pk}"


def read_options(options: PrepareOptions | dict[str, Any] | None) -> PrepareOptions:
    """The options, checked. Raises 422 naming every wrong place, an unknown name with its nearest known one."""
    if isinstance(options, PrepareOptions):
        return options
    try:
        return PrepareOptions.model_validate(options or {})
    except ValidationError as error:
        wrong = error.errors(include_url=False, include_input=False)
        raise problem(from_pydantic(PrepareOptions, wrong, ("body", "options"))) from None


def find_uploads(workspace: Any, ids: list[str]) -> list[Upload]:
    """Finished uploads of this workspace in the order asked. Raises 422 naming each id that is nothing, foreign or unfinished."""
    found = {u.pk: u for u in Upload.objects.filter(workspace=workspace, pk__in=ids, expires_at__gt=timezone.now())}
    errors = []
    seen: set[str] = set()
    for position, name in enumerate(ids):
        upload, message = found.get(name), ""
        if upload is None:
            message = f"There is no upload `{name[:64]}` here."
        elif not upload.finished_at and not _settled(upload):
            message = f"The upload of {upload.filename} stands at {upload.offset} of {upload.size} bytes."
        elif name in seen:
            message = f"The upload `{name[:64]}` is named twice."
        seen.add(name)
        if message:
            errors.append({"loc": ["body", "uploads", position], "msg": message})
    if errors:
        hint = "Upload the file first and use the last segment of its `Location`; unfinished uploads can be resumed."
        raise Problem(422, "unknown_upload", str(errors[0]["msg"]), hint, errors)
    return [found[name] for name in ids]


def _settled(upload: Upload) -> bool:
    """Finish what a killed process left complete but unfinished."""
    try:
        return finish_upload(upload=upload).finished_at is not None
    except (spool.Busy, spool.Lost):
        return False


def add_version(
    *, dataset: Dataset, user: Any, uploads: list[Upload], options: PrepareOptions | dict[str, Any] | None = None
) -> DatasetVersion:
    """The version these bytes and options make, with the job that prepares it; the same again is the version that exists
    (`fresh` tells which). uploads: finished ones of the dataset's workspace. Raises 422."""
    chosen = read_options(options).model_dump(mode="json", exclude_none=True)
    if not uploads:
        raise Problem(422, "no_uploads", "A version needs at least one upload.", errors=[{"loc": ["body", "uploads"], "msg": "is empty"}])
    _check_names(uploads)
    sha256 = content_digest((u.filename, u.sha256) for u in uploads)
    if same := _same(dataset, _key(sha256, chosen)):
        return same
    sources = [FileRef(name=u.filename, uri=f"{_folder(dataset)}/sources/{u.sha256}", size=u.size, sha256=u.sha256) for u in uploads]
    try:
        artifacts.copy_all([(u.uri, source.uri) for u, source in zip(uploads, sources, strict=True)])
    except FileNotFoundError:
        raise Problem(422, "unknown_upload", "One of the uploads was deleted meanwhile.", "Upload the file again.") from None
    return _same_or_new(dataset, user, sources, chosen, sha256)


def fix_version(*, version: DatasetVersion, user: Any, fixes: Sequence[str]) -> DatasetVersion:
    """Another version of the same bytes with these fixes beside those it has already; asked again, the one that is there. The version
    itself stays as it is. Raises 422 for none or an unknown fix, 409 while it is not ready."""
    if version.state != VersionState.READY:
        raise Problem(409, "not_ready", f"{version} is {version.state}.", "Findings can be fixed once it is ready.")
    if not fixes:
        where = [{"loc": ["body", "fixes"], "msg": "is empty"}]
        raise Problem(422, "invalid", "No fix was chosen.", f"Choose among {', '.join(FIXES)}.", where)
    both = list(dict.fromkeys([*(version.options.get("fixes") or []), *fixes]))
    chosen = read_options({**version.options, "fixes": both}).model_dump(mode="json", exclude_none=True)
    sources = [FileRef.model_validate(source) for source in version.sources]
    return _same_or_new(version.dataset, user, sources, chosen, version.sha256, version.version)


def _key(sha256: str, options: dict[str, Any]) -> str:
    return hashlib.sha256(sha256.encode() + b"\n" + orjson.dumps(options, option=orjson.OPT_SORT_KEYS)).hexdigest()


def _same_or_new(
    dataset: Dataset, user: Any, sources: list[FileRef], options: dict[str, Any], sha256: str, fixed_from: int | None = None
) -> DatasetVersion:
    """sources: stored in the dataset's own folder already."""
    with transaction.atomic():
        Dataset.objects.select_for_update().get(pk=dataset.pk)
        same = _same(dataset, _key(sha256, options))
        version = same or _new_version(dataset, user, sources, options, sha256, fixed_from)
    if version.fresh and version.job:
        version.job.refresh_from_db()  # the scheduler has looked at it meanwhile
    return version


def _check_names(uploads: list[Upload]) -> None:
    seen: dict[str, str] = {}
    for upload in uploads:
        plain = unicodedata.normalize("NFC", upload.filename).casefold()
        if plain in seen:
            detail = f"Two files would have the same name: `{seen[plain]}` and `{upload.filename}`."
            raise Problem(422, "name_collision", detail, "Rename one of them, or put them in folders.")
        seen[plain] = upload.filename


def _same(dataset: Dataset, key: str) -> DatasetVersion | None:
    return dataset.versions.filter(content_key=key).exclude(state=VersionState.FAILED).order_by("version").first()


def _new_version(
    dataset: Dataset, user: Any, sources: list[FileRef], options: dict[str, Any], sha256: str, fixed_from: int | None
) -> DatasetVersion:
    newest = dataset.versions.order_by("-version").values_list("version", flat=True).first() or 0
    version = DatasetVersion.objects.create(
        dataset=dataset,
        version=newest + 1,
        options=options,
        content_key=_key(sha256, options),
        sha256=sha256,
        fixed_from=fixed_from,
        size_bytes=sum(source.size for source in sources),
        sources=[source.model_dump(include={"name", "uri", "size", "sha256"}) for source in sources],
        created_by=user,
    )
    record(
        action="dataset.add_version",
        target=("dataset", str(version)),
        workspace=dataset.workspace,
        data={"sha256": sha256, "options": options} | ({"fixed_from": fixed_from} if fixed_from else {}),
    )
    version.job = create_job(
        workspace=dataset.workspace,
        user=user,
        kind="prepare",
        name=f"Prepare {version}",
        work=PrepareWork(files=sources, options=options),
        dataset=str(version),
    )
    DatasetVersion.objects.filter(pk=version.pk).update(job=version.job)
    version.fresh = True
    return version


@transaction.atomic
def preparation_ended(*, job: Job, end: End) -> None:
    """The preparing job's last word: the version is ready, or failed with its place and remedy. Said twice, it does nothing."""
    version = DatasetVersion.objects.select_for_update(of=("self",)).filter(job=job).select_related("dataset").first()
    if version is None or version.state != VersionState.PREPARING:
        return
    if end.outcome == "succeeded":
        _take_result(version, job, end.result or {})
        version.state, version.ready_at = VersionState.READY, timezone.now()
    else:
        version.state, version.error = VersionState.FAILED, _error(end)
    version.reason = None
    version.save()
    record(action=f"dataset.version_{version.state}", target=("dataset", str(version)), workspace=version.dataset.workspace)


def _take_result(version: DatasetVersion, job: Job, result: dict[str, Any]) -> None:
    """What the reader made, checked: the bytes it read were those uploaded, and its shards are this job's own."""
    if result.get("sha256") not in (None, version.sha256):
        raise Problem(422, "damaged_file", "The stored files are not the bytes that were uploaded.", "Upload the files again.")
    shards = {split: [FileRef.model_validate(ref) for ref in refs] for split, refs in result.get("shards", {}).items()}
    own = f"ws/{version.dataset.workspace_id}/jobs/{job.pk}/"
    if not shards or any(not ref.uri.startswith(own) for refs in shards.values() for ref in refs):
        raise Problem(
            422, "bad_result", "The preparing job reported no files of its own.", "Prepare the version again; report it if it repeats."
        )
    stored = {"name", "uri", "size", "sha256"}
    version.shards = {split: [ref.model_dump(include=stored) for ref in refs] for split, refs in shards.items()}
    version.shard_bytes = sum(ref.size for refs in shards.values() for ref in refs)
    version.columns = list(result.get("features") or {})
    version.format = str(result.get("format", ""))[:16]
    for field in ("features", "classes", "splits", "statistics"):
        setattr(version, field, result.get(field) or {})
    version.kind = kind_of(version.features)


def _error(end: End) -> dict[str, Any]:
    if end.error:
        return {"hint": "", "loc": {}, **end.error}
    if end.outcome == "cancelled":
        return {"code": "cancelled", "message": "The preparing job was stopped.", "hint": "Add the version again.", "loc": {}}
    return {"code": "crashed", "message": "The preparing job ended without a word.", "hint": "See the job's log.", "loc": {}}


def ref(version: DatasetVersion) -> DatasetRef:
    """A ready version as an order carries it."""
    splits = {split: [FileRef.model_validate(r) for r in refs] for split, refs in version.shards.items()}
    return DatasetRef(
        name=version.dataset.name,
        version=version.version,
        features={name: version.features[name] for name in version.columns or version.features},
        classes=version.classes,
        splits=splits,
        rows={split: version.splits.get(split, 0) for split in splits},
    )


def find_version(workspace: Any, reference: str) -> DatasetVersion:
    """`name@3`, or `name` for its newest ready version. Raises 422 naming what there is instead."""
    match = REFERENCE.fullmatch(reference)
    if match is None:
        raise _unknown(f"`{reference[:80]}` is no reference to a dataset.", "Write `name@3`, or `name` for its newest ready version.")
    name, number = match.groups()
    versions = DatasetVersion.objects.filter(dataset__workspace=workspace, dataset__name=name).select_related("dataset", "job")
    if number is not None:
        version = versions.filter(version=int(number)).first()
    else:
        version = versions.filter(state=VersionState.READY).order_by("-version").first()
    if version is not None:
        return version
    known = list(Dataset.objects.filter(workspace=workspace).values_list("name", flat=True)[:1000])
    if name not in known:
        raise _unknown(f"There is no dataset `{name}` in this workspace.", nearest(name, known))
    numbers = ", ".join(str(n) for n in versions.order_by("version").values_list("version", flat=True)[:20])
    if number is None:
        raise _unknown(f"`{name}` has no version that is ready.", f"Its versions: {numbers}." if numbers else "Add a version first.")
    raise _unknown(f"`{name}` has no version {number}.", f"Its versions: {numbers or 'none yet'}.")


def _unknown(detail: str, hint: str) -> Problem:
    return Problem(422, "unknown_dataset", detail, hint, [{"loc": ["body", "dataset"], "msg": detail}])
