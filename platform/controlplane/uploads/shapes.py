"""What tus says in headers, and how an upload is shown: reading, writing, and the refusals."""

import base64
import binascii
import re
from email.utils import format_datetime
from typing import Any

from controlplane.data.models import Upload
from controlplane.errors import Problem
from controlplane.uploads.wire import Request

VERSION = "1.0.0"
PART_TYPE = "application/offset+octet-stream"


def describe(upload: Upload) -> dict[str, Any]:
    """An upload as the API shows it."""
    return {
        "id": upload.pk,
        "filename": upload.filename,
        "content_type": upload.content_type,
        "size": upload.size,
        "offset": upload.offset,
        "state": "finished" if upload.finished_at else "uploading",
        "sha256": upload.sha256 or None,
        "metadata": upload.metadata,
        "created_at": upload.created_at,
        "expires_at": upload.expires_at,
    }


def progress(upload: Upload) -> dict[str, str]:
    expires = format_datetime(upload.expires_at, usegmt=True)
    return {"Tus-Resumable": VERSION, "Upload-Offset": str(upload.offset), "Upload-Expires": expires}


def read_size(request: Request) -> int:
    if "upload-defer-length" in request.headers:
        detail = "An upload must say its size when it begins."
        raise Problem(400, "length_needed", detail, hint="Send `Upload-Length`, not `Upload-Defer-Length`.")
    text = request.headers.get("upload-length", "")
    if not re.fullmatch(r"\d{1,18}", text):
        raise Problem(400, "length_needed", "The header `Upload-Length` must be the file's size in bytes.")
    return int(text)


def read_metadata(header: str) -> dict[str, str]:
    """`key base64,key base64` → {key: text}. At most 4 KiB."""
    if len(header) > 8192:
        raise Problem(400, "bad_metadata", "The header `Upload-Metadata` is longer than 8192 characters.")
    found: dict[str, str] = {}
    for pair in filter(None, (p.strip() for p in header.split(","))):
        key, _, value = pair.partition(" ")
        try:
            found[key[:64]] = base64.b64decode(value.strip(), validate=True).decode()
        except (binascii.Error, UnicodeDecodeError):
            raise Problem(400, "bad_metadata", f"The metadata `{key[:64]}` is not base64 of UTF-8 text.") from None
    return found


def wrong_type(request: Request) -> Problem:
    given = request.headers.get("content-type", "nothing")[:80]
    return Problem(415, "wrong_content_type", f"A part comes as `{PART_TYPE}`, not as `{given}`.")


def wrong_offset(given: int, right: int) -> Problem:
    return Problem(
        409, "wrong_offset", f"The part begins at {given}, the upload stands at {right}.",
        hint=f"Go on from {right}.", headers={"Upload-Offset": str(right)},
    )  # fmt: skip


def too_many(size: int) -> Problem:
    detail = f"The upload was declared with {size} bytes; this part goes beyond."
    return Problem(413, "too_many_bytes", detail, hint="Begin a new upload with the true size.")


def upload_lost() -> Problem:
    return Problem(410, "upload_lost", "The bytes of this upload are not on this host any more.", hint="Begin a new upload.")
