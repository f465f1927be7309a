"""The one error of the product: every room raises `Problem`, the API shows it as RFC 9457 problem+json."""

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from http import HTTPStatus
from typing import Any

import orjson

CONTENT_TYPE = "application/problem+json"


class Problem(Exception):
    """Something the caller must know. status: HTTP · code: stable word · detail: what happened · hint: what to do next.

    errors: [{"loc": ["body", "params", "epochs"], "msg": "…"}], one for each wrong place · headers: added to the answer.
    """

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        hint: str = "",
        errors: Sequence[Mapping[str, Any]] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(f"{status} {code}: {detail}")
        self.status, self.code, self.detail, self.hint = status, code, str(detail), str(hint)
        self.errors = [dict(error) for error in errors]
        self.headers = dict(headers or {})
        if status in {429, 503}:
            self.headers.setdefault("Retry-After", "1")

    def as_dict(self, request_id: str = "") -> dict[str, Any]:
        """The members of the problem document."""
        return {
            "type": f"about:blank#{self.code}",
            "title": HTTPStatus(self.status).phrase,
            "status": self.status,
            "detail": self.detail,
            "code": self.code,
            "hint": self.hint,
            "request_id": request_id,
            "errors": self.errors,
        }

    def as_bytes(self, request_id: str = "") -> bytes:
        return orjson.dumps(self.as_dict(request_id))


def not_found(what: str = "object") -> Problem:
    """The same answer for what does not exist and for what belongs to somebody else."""
    return Problem(404, "not_found", f"There is no such {what} here.", "Check the address and that your account may see it.")


def nearest(name: str, known: Sequence[str]) -> str:
    """A hint that names the nearest known name, or all of them when they are few."""
    close = get_close_matches(name, known, n=1, cutoff=0.6)
    if close:
        return f"Did you mean `{close[0]}`?"
    return f"Known: {', '.join(f'`{k}`' for k in sorted(known))}." if 0 < len(known) <= 24 else ""


STANDARD: dict[int, tuple[str, str]] = {
    400: ("bad_request", "The request could not be read."),
    401: ("unauthenticated", "Sign in, or send an API token as `Authorization: Bearer slw_…`."),
    403: ("forbidden", "Your role or your token's scopes do not allow this."),
    404: ("not_found", "There is nothing at this address."),
    405: ("method_not_allowed", "This address does not take this method."),
    409: ("conflict", "The state of the thing does not allow this now."),
    413: ("too_large", "The request is larger than this address takes."),
    415: ("unsupported_media_type", "This address does not take this type of content."),
    422: ("unprocessable", "The request was read but cannot be accepted."),
    429: ("too_many_requests", "Too many requests; wait and try again."),
    503: ("unavailable", "This part of the platform is not ready; try again."),
}


def standard(status: int) -> Problem:
    """The plain problem of a status, for answers that no room worded."""
    code, detail = STANDARD.get(status, ("internal_error" if status >= 500 else "bad_request", ""))
    return Problem(status, code, detail or "Something went wrong on our side. The request id finds it in the log.")
