"""The verbs of uploads: begin, advance, finish, end. Bytes are the spool's; this module writes the rows."""

import hashlib
import secrets
import time
import unicodedata
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import F, Sum
from django.db.models.functions import Coalesce
from django.utils import timezone

from controlplane import artifacts
from controlplane.audit.services import record
from controlplane.data import spool
from controlplane.data.models import DatasetVersion, Upload
from controlplane.errors import Problem
from controlplane.jobs.models import Checkpoint
from controlplane.limits import limit
from controlplane.workspaces.models import Workspace
from workers.contract.names import MiB

_counts: list[Callable[[Any], int]] = []


def clean_name(name: str) -> str:
    """What a person called the file, as a safe relative POSIX name: no empty, `.` or `..` part, no control or direction mark.

    Folders are kept (`train/cats/1.jpg`): their names may name splits and classes. Emoji and every script are kept.
    """
    shown = "".join(c for c in name.replace("\\", "/") if unicodedata.category(c) not in ("Cc", "Cf", "Cs", "Zl", "Zp") or c == "\u200d")
    parts = [part.strip()[:150] for part in shown.split("/")]
    return "/".join(part for part in parts if part not in ("", ".", ".."))[-400:].lstrip("/") or "file"


def _expiry() -> datetime:
    return timezone.now() + timedelta(seconds=limit("upload_seconds"))


def storage_hook(count: Callable[[Any], int]) -> Callable[[Any], int]:
    """Let a room above say how many bytes it keeps for a workspace; usable as a decorator."""
    _counts.append(count)
    return count


def workspace_bytes(workspace: Any) -> int:
    """Bytes a workspace has stored or been promised: uploads, dataset versions with their shards, checkpoints, what rooms above keep."""
    uploads = Upload.objects.filter(workspace=workspace, expires_at__gt=timezone.now()).aggregate(n=Coalesce(Sum("size"), 0))["n"]
    both = Sum(F("size_bytes") + F("shard_bytes"))
    versions = DatasetVersion.objects.filter(dataset__workspace=workspace).aggregate(n=Coalesce(both, 0))["n"]
    checkpoints = Checkpoint.objects.filter(job__workspace=workspace).aggregate(n=Coalesce(Sum("size_bytes"), 0))["n"]
    return int(uploads) + int(versions) + int(checkpoints) + sum(count(workspace) for count in _counts)


def check_room(workspace: Any, size: int) -> None:
    """Refuse before bytes flow: 413 above a limit or the workspace's quota, 507 when the disk cannot hold it."""
    most, room = limit("upload_file"), limit("workspace_storage")
    if size > most:
        raise Problem(413, "too_large", f"The file has {size} bytes; one upload may have {most}.", hint="Split the file into parts.")
    used = workspace_bytes(workspace)
    if used + size > room:
        detail = f"The workspace holds {used} of {room} bytes; this file needs {size}, which is {used + size - room} too many."
        raise Problem(413, "quota_exceeded", detail, hint="Delete datasets, models, jobs or unfinished uploads that nobody needs.")
    free = artifacts.free_bytes()
    if free is not None and size + 64 * MiB > free:
        raise disk_full(size + 64 * MiB, free)


def disk_full(needed: int, free: int | None = None) -> Problem:
    """507 with the figures."""
    free = artifacts.free_bytes() if free is None else free
    known = f"; {free} are free" if free is not None else ""
    detail = f"The storage is full: {needed} bytes needed{known}."
    return Problem(507, "disk_full", detail, hint="Free space, then resume: nothing is lost.")


def create_upload(
    *, workspace: Any, user: Any, filename: str, size: int, content_type: str = "", metadata: dict[str, str] | None = None
) -> Upload:
    """Promise room for a file of exactly `size` bytes. Raises 413 and 507 before any byte flows."""
    with transaction.atomic():
        Workspace.objects.select_for_update().get(pk=workspace.pk)  # two uploads at once may not both take the last room
        check_room(workspace, size)
        upload = Upload.objects.create(
            id=secrets.token_urlsafe(18).replace("-", "x").replace("_", "y"),
            workspace=workspace,
            filename=clean_name(filename),
            content_type=content_type[:200],
            size=size,
            metadata=metadata or {},
            created_by=user,
            expires_at=_expiry(),
        )
        record(action="upload.create", target=("upload", upload.pk), workspace=workspace, data={"filename": upload.filename, "size": size})
    return upload


def advance_upload(*, upload: Upload, to: int) -> bool:
    """Acknowledge bytes up to `to`, which are on disk. False when the row is no longer where this request began."""
    moved = Upload.objects.filter(pk=upload.pk, offset=upload.offset, finished_at=None).update(offset=to, expires_at=_expiry())
    if moved:
        upload.offset = to
    return bool(moved)


def finish_upload(*, upload: Upload, part: spool.Part | None = None) -> Upload:
    """Move a complete upload into the store. Done twice, or after a crash half-way, it ends the same. Raises spool.Busy, spool.Lost.

    part: the part file when the caller already holds its lock, at its end.
    """
    upload.refresh_from_db()
    if upload.finished_at or upload.offset != upload.size:
        return upload
    uri = f"ws/{upload.workspace_id}/uploads/{upload.pk}"
    if part is not None:
        digest = _store(upload, part, uri)
    else:
        try:
            with spool.locked(upload.pk, create=False) as held:
                upload.refresh_from_db()
                if upload.finished_at:
                    return upload
                held.begin(upload.offset)
                digest = _store(upload, held, uri)
        except FileNotFoundError:
            digest = _adopt(upload, uri)
    Upload.objects.filter(pk=upload.pk, finished_at=None).update(sha256=digest, uri=uri, finished_at=timezone.now(), expires_at=_expiry())
    upload.refresh_from_db()
    spool.discard(upload.pk)
    return upload


def _store(upload: Upload, part: spool.Part, uri: str) -> str:
    digest = part.sha256()
    artifacts.put_file(uri, part.path, move=True)
    return digest


def _adopt(upload: Upload, uri: str) -> str:
    """The bytes were stored, but the process ended before the row knew."""
    if artifacts.stat(uri) != upload.size:
        raise spool.Lost(upload.pk)
    digest = hashlib.sha256()
    for piece in artifacts.iter_bytes(uri):
        digest.update(piece)
    return digest.hexdigest()


def take_file(*, workspace: Any, user: Any, filename: str, content_type: str, file: Any, size: int) -> Upload:
    """A small file that came whole with a form, as a finished upload. file: has `chunks()`, yielding bytes."""
    upload = create_upload(workspace=workspace, user=user, filename=filename, size=size, content_type=content_type)
    with spool.locked(upload.pk) as part:
        part.begin(0)
        for piece in file.chunks():
            part.write(piece)
        advance_upload(upload=upload, to=part.sync())
        return finish_upload(upload=upload, part=part)


def hold_uploads(*, uploads: list[Upload], seconds: int) -> None:
    """Keep finished uploads at least this long: work that reads them is queued."""
    until = timezone.now() + timedelta(seconds=seconds)
    Upload.objects.filter(pk__in=[u.pk for u in uploads], expires_at__lt=until).update(expires_at=until)


def delete_upload(*, upload: Upload) -> None:
    """Forget an upload and its bytes; dataset versions made from it keep their own."""
    with transaction.atomic():
        Upload.objects.filter(pk=upload.pk).delete()
        record(action="upload.delete", target=("upload", upload.pk), workspace=upload.workspace, data={"filename": upload.filename})
    _forget(upload)


def expire_uploads(*, limit: int = 500) -> int:
    """Remove uploads past their day, finished or not; how many. Called by the control loop."""
    gone = list(Upload.objects.filter(expires_at__lt=timezone.now()).order_by(F("expires_at"))[:limit])
    for upload in gone:
        if Upload.objects.filter(pk=upload.pk, expires_at__lt=timezone.now()).delete()[0]:
            _forget(upload)
    sweep()
    return len(gone)


def sweep() -> None:
    """Remove what killed processes left on this disk: parts without an upload, files written aside and never renamed."""
    old = time.time() - limit("upload_seconds")
    parts = {path.name: path for path in spool.folder().iterdir() if path.stat().st_mtime < old}
    for name in set(parts) - set(Upload.objects.filter(pk__in=list(parts)).values_list("pk", flat=True)):
        spool.discard(name)
    artifacts.sweep(older_than=old)


def _forget(upload: Upload) -> None:
    spool.discard(upload.pk)
    if upload.uri:
        artifacts.delete(upload.uri)
