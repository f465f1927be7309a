"""The two shapes of an error: Hugging Face's (a problem document that also carries `error`) and OpenAI's."""

from typing import Any

import orjson

from controlplane.errors import Problem
from controlplane.gateway.wire import JSON, PROBLEM, Request

_OPENAI_TYPES = {401: "authentication_error", 403: "permission_error", 404: "not_found_error", 429: "rate_limit_error"}


async def refuse(request: Request, problem: Problem, *, openai: bool) -> None:
    """Answer with `problem` in the shape this route's clients expect."""
    headers = [(name.lower().encode(), str(value).encode()) for name, value in problem.headers.items()]
    if problem.status == 401:
        headers.append((b"www-authenticate", b"Bearer"))
    if openai:
        await request.answer(problem.status, orjson.dumps({"error": openai_error(problem)}), [JSON, *headers])
    else:
        await request.answer(problem.status, orjson.dumps(document(problem, request.id.decode())), [PROBLEM, *headers])


def document(problem: Problem, request_id: str) -> dict[str, Any]:
    """RFC 9457, and Hugging Face's `error` and `error_type`."""
    kind = "overloaded" if problem.status in (429, 503) else "validation" if problem.status in (400, 422) else "generation"
    return {**problem.as_dict(request_id), "error": problem.detail, "error_type": kind}


def openai_error(problem: Problem) -> dict[str, Any]:
    """OpenAI's error object; `param` is the first field that is wrong."""
    kind = _OPENAI_TYPES.get(problem.status, "server_error" if problem.status >= 500 else "invalid_request_error")
    where = [str(part) for part in (problem.errors or [{}])[0].get("loc", [])]
    message = f"{problem.detail} {problem.hint}".strip()
    return {"message": message, "type": kind, "param": ".".join(part for part in where if part != "body") or None, "code": problem.code}


def from_replica(status: int, body: bytes, retry_after: float | None) -> Problem:
    """The Problem a replica's error answer tells of: JSON {code, message, hint, loc | errors}, or nothing readable."""
    try:
        said = orjson.loads(body) if body else {}
    except orjson.JSONDecodeError:
        said = {}
    said = said if isinstance(said, dict) else {}
    status = status if 400 <= status <= 599 else 502
    detail = str(said.get("message") or said.get("detail") or said.get("error") or "The model could not answer this request.")
    errors = said.get("errors")
    if not isinstance(errors, list):
        loc = said.get("loc")
        where = list(loc.values()) if isinstance(loc, dict) else loc if isinstance(loc, list) else []
        errors = [{"loc": ["body", *where], "msg": detail}] if where else []
    headers = {"Retry-After": str(max(1, round(retry_after or 1)))} if status in (429, 503) else {}
    code = str(said.get("code") or ("queue_full" if status in (429, 503) else "prediction_failed"))
    return Problem(status, code, detail, str(said.get("hint") or ""), errors=errors, headers=headers)
