"""From the socket to the part file: one megabyte is written and hashed in a thread while the next one is received."""

import asyncio
import base64
import binascii
import errno
import hashlib
from typing import Any, NamedTuple

from controlplane.data import intake, spool
from controlplane.data.models import Upload
from controlplane.errors import Problem
from controlplane.uploads.shapes import too_many, upload_lost, wrong_offset
from controlplane.uploads.wire import Gone, Request, in_database, in_thread
from workers.contract.names import MiB

ALGORITHMS = ("sha256", "sha1", "md5")
PIECE = MiB  # handed to the disk at once
SYNC_EVERY = 8 * MiB  # at most this much is sent again after a kill
BUSY_SECONDS = 5.0
FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


class Checksum(NamedTuple):
    """What a part must hash to."""

    state: Any
    expected: bytes


def parse_checksum(header: str | None) -> Checksum | None:
    """`sha1 base64` as tus gives it. Raises 400 for an algorithm or text that cannot be read."""
    if header is None:
        return None
    name, _, value = header.partition(" ")
    if name not in ALGORITHMS:
        detail = f"`{name[:20]}` is not a checksum this server knows."
        raise Problem(400, "unknown_checksum", detail, hint=f"Known: {', '.join(ALGORITHMS)}.")
    try:
        return Checksum(hashlib.new(name, usedforsecurity=False), base64.b64decode(value, validate=True))
    except binascii.Error:
        raise Problem(400, "unknown_checksum", "The checksum in `Upload-Checksum` is not base64.") from None


async def append(request: Request, upload: Upload, checksum: Checksum | None) -> None:
    """Take the request's body into the upload and finish it when complete. `upload.offset` moves with what is safe on disk.

    Raises 409 when another request was quicker, 413 beyond the declared size, 423 while another one holds it, 460, 507; Gone.
    """
    start = upload.offset
    try:
        with await _lock(upload) as part:
            await in_database(upload.refresh_from_db)
            if upload.offset != start or upload.finished_at:
                raise wrong_offset(start, upload.offset)
            part.begin(start)
            await _Flow(part, upload, checksum).run(request)
            if upload.offset == upload.size:
                await in_database(intake.finish_upload, upload=upload, part=part)
    except spool.Lost:
        raise upload_lost() from None
    except OSError as error:
        if error.errno not in FULL:
            raise
        raise await in_thread(intake.disk_full, upload.size - upload.offset) from None


async def _lock(upload: Upload) -> Any:
    """The part's lock, waited for a little: a broken connection's request may still be writing its last bytes."""
    waited = 0.0
    while True:
        manager = spool.locked(upload.pk)
        try:
            return _Held(manager, await in_thread(manager.__enter__))
        except spool.Busy:
            if waited >= BUSY_SECONDS:
                raise Problem(
                    423, "upload_busy", "Another request is sending to this upload.", hint="Wait a few seconds and ask where it stands.",
                    headers={"Retry-After": "2"},
                ) from None  # fmt: skip
            await asyncio.sleep(0.1)
            waited += 0.1


class _Held:
    """An entered lock as a `with` block of its own."""

    def __init__(self, manager: Any, part: spool.Part) -> None:
        self.manager, self.part = manager, part

    def __enter__(self) -> spool.Part:
        return self.part

    def __exit__(self, *error: Any) -> None:
        self.manager.__exit__(None, None, None)


class _Flow:
    """One body on its way. With a checksum nothing is acknowledged before all of it has been compared."""

    def __init__(self, part: spool.Part, upload: Upload, checksum: Checksum | None) -> None:
        self.part, self.upload, self.checksum = part, upload, checksum
        self.waiting: list[bytes] = []
        self.held = 0
        self.received = part.end
        self.writing: asyncio.Future[None] | None = None

    async def run(self, request: Request) -> None:
        try:
            async for piece in request.chunks():
                self.received += len(piece)
                if self.received > self.upload.size:
                    raise too_many(self.upload.size)
                self.waiting.append(piece)
                self.held += len(piece)
                if self.held >= PIECE:
                    await self._hand_over()
            await self._hand_over()
            await self._settle()
            self._compare()
        except Gone:
            await self._save(last=True)
            raise
        except (OSError, Problem):
            await self._save()
            raise
        await self._acknowledge()

    async def _hand_over(self) -> None:
        """Wait for the piece before, then let a thread write this one."""
        await self._settle()
        if self.checksum is None and self.part.end - self.upload.offset >= SYNC_EVERY:
            await self._acknowledge()
        pieces, self.waiting, self.held = self.waiting, [], 0
        if pieces:
            self.writing = asyncio.ensure_future(in_thread(self._write, pieces))

    def _write(self, pieces: list[bytes]) -> None:
        data = pieces[0] if len(pieces) == 1 else b"".join(pieces)
        self.part.write(data)
        if self.checksum:
            self.checksum.state.update(data)

    async def _settle(self) -> None:
        if self.writing is not None:
            writing, self.writing = self.writing, None
            await writing

    def _compare(self) -> None:
        if self.checksum and self.checksum.state.digest() != self.checksum.expected:
            raise Problem(
                460, "checksum_mismatch", "The part arrived damaged: its checksum differs.", hint="Send the part again.",
                headers={"Upload-Offset": str(self.upload.offset)},
            )  # fmt: skip

    async def _save(self, last: bool = False) -> None:
        """After a failure: keep what came without a checksum to doubt it; the rest is cut off by the next append.

        last: also what was received but not yet handed to the disk.
        """
        try:
            if last:
                await self._hand_over()
            await self._settle()
        except OSError:
            pass
        if self.checksum is None and self.received <= self.upload.size:
            await self._acknowledge()

    async def _acknowledge(self) -> None:
        """Sync, then move the row's offset."""
        end = await in_thread(self.part.sync)
        if end != self.upload.offset and not await in_database(intake.advance_upload, upload=self.upload, to=end):
            raise Problem(409, "wrong_offset", "Another request moved this upload on.", hint="Ask with HEAD where it stands.")
