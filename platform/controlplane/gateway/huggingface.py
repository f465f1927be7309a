"""The Hugging Face shape: `POST /v1/endpoints/{workspace}/{name}` and what `InferenceClient` asks beside it."""

from contextlib import aclosing
from typing import Any

import orjson

from controlplane.errors import Problem
from controlplane.gateway import forward
from controlplane.gateway.forward import Answered, Timing
from controlplane.gateway.state import State
from controlplane.gateway.wire import EVENT_STREAM, JSON, Disconnected, Request, loads
from controlplane.limits import limit
from controlplane.serving.routes import EndpointRoute

BODY_MAX = limit("predict_body")
_TGI_ONLY = ("details", "decoder_input_details", "watermark", "best_of", "top_n_tokens", "adapter_id", "grammar", "truncate", "typical_p")
_MAGIC = (
    (b"\x89PNG\r\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF8", "image/gif"),
    (b"BM", "image/bmp"),
    (b"OggS", "audio/ogg"),
    (b"fLaC", "audio/flac"),
    (b"ID3", "audio/mpeg"),
    (b"\xff\xfb", "audio/mpeg"),
)


async def call(state: State, request: Request, workspace: str, name: str) -> None:
    """Predict with one endpoint. Raises Problem, Disconnected."""
    access = await state.who(request)
    timing = Timing(state)
    route = await state.endpoint(access, workspace, name)
    revision, status = 0, 500
    usage: dict[str, int] | None = None
    try:
        request.out += await state.spend(access, route)
        kind, body, streamed = prepare(request, route, await request.body(BODY_MAX))
        if streamed:
            revision, status, usage = await _stream(state, request, route, body, timing)
            return
        reply = await forward.predict(state, request, route, body, kind)
        revision, status, usage = reply.revision.revision, reply.head.get("status", 200), reply.head.get("usage")
        request.out += reply.headers
        answered = reply.head.get("type")
        await request.answer(status, reply.body, [JSON if answered in (None, "application/json") else (b"content-type", answered.encode())])
    except Answered as error:
        revision, status = error.revision.revision, error.problem.status
        timing.code = error.problem.code
        request.out += forward.version_headers(error.revision)
        raise error.problem from error
    except Problem as error:
        status, timing.code = error.status, error.code
        raise
    except Disconnected:
        status, timing.code = 499, "disconnected"
        raise
    finally:
        timing.count(route, revision, status, usage)


def prepare(request: Request, route: EndpointRoute, body: bytes) -> tuple[str, bytes, bool]:
    """(type, body, whether pieces are wanted) of what goes to the replica. Raises Problem 400, 415, 422."""
    kind = media_type(request.headers.get(b"content-type", b""), body)
    if kind != "application/json" or route.task != "text-generation":
        return kind, body, False
    asked = loads(body)
    if not isinstance(asked, dict):
        return kind, body, False  # the replica names what is wrong with it
    streamed = asked.pop("stream", None) or False
    if not isinstance(streamed, bool):
        message = "`stream` must be true or false."
        raise Problem(422, "invalid", message, errors=[{"loc": ["body", "stream"], "msg": message}])
    parameters = asked.get("parameters")
    if isinstance(parameters, dict):  # clients send every parameter they know, most of them null or off
        asked["parameters"] = {k: v for k, v in parameters.items() if v is not None and not (k in _TGI_ONLY and not v) and k != "details"}
    return kind, orjson.dumps(asked), streamed


def media_type(header: bytes, body: bytes) -> str:
    """The type of the body, looked at when the header does not say. Raises Problem 415 for what no model takes."""
    kind = header.partition(b";")[0].strip().lower().decode("latin-1")
    if kind in ("", "application/octet-stream", "binary/octet-stream"):
        return sniff(body)
    if kind == "application/json" or kind.endswith("+json"):
        return "application/json"
    if kind.startswith(("image/", "audio/")):
        return kind
    hint = 'Send JSON {"inputs": …} as application/json, or the bytes of an image or a recording with their type.'
    raise Problem(415, "unsupported_media_type", f"Predictions do not take {kind}.", hint)


def sniff(body: bytes) -> str:
    """The type by the first bytes."""
    for magic, kind in _MAGIC:
        if body.startswith(magic):
            return kind
    if body[:4] == b"RIFF":
        return "image/webp" if body[8:12] == b"WEBP" else "audio/wav"
    if body[:1] in (b"{", b"[", b'"', b" ", b"\n", b"\r", b"\t", b""):
        return "application/json"
    raise Problem(415, "unsupported_media_type", "The body is neither JSON nor a known image or audio format.", "Send its Content-Type.")


async def _stream(
    state: State, request: Request, route: EndpointRoute, body: bytes, timing: Timing
) -> tuple[int, int, dict[str, int] | None]:
    """Text in the event stream Hugging Face's text generation servers send. (revision, status, usage) for the meter."""
    index, text, revision = 0, [], 0
    usage: dict[str, int] = {}
    begun = False
    try:
        async with aclosing(forward.stream(state, request, route, body, "application/json")) as replies:
            async for reply in replies:
                timing.piece()
                if not begun:
                    begun, revision = True, reply.revision.revision
                    request.out += reply.headers
                    await request.begin(EVENT_STREAM)
                piece = reply.body.decode("utf-8", "replace")
                text.append(piece)
                usage = reply.head.get("usage") or usage
                if reply.head.get("last", True):
                    await request.piece(_event(index, piece, "".join(text), details(reply.head, usage)), more=False)
                elif piece:
                    await request.piece(_event(index, piece, None, None))
                    index += 1
    except Answered as error:
        if not begun:
            raise
        problem = error.problem
        await request.piece(b"data:" + orjson.dumps({"error": problem.detail, "error_type": "generation"}) + b"\n\n", more=False)
        return error.revision.revision, problem.status, usage
    return revision, 200, usage


def details(head: dict[str, Any], usage: dict[str, int]) -> dict[str, Any]:
    """How a generation ended, in the words of Hugging Face's servers."""
    reason = "length" if head.get("finish_reason") == "length" else "eos_token"
    return {"finish_reason": reason, "generated_tokens": usage.get("output_tokens", 0), "seed": None}


def _event(index: int, piece: str, whole: str | None, done: dict[str, Any] | None) -> bytes:
    token = {"id": 0, "text": piece, "logprob": 0.0, "special": False}
    return b"data:" + orjson.dumps({"index": index, "token": token, "generated_text": whole, "details": done}) + b"\n\n"


async def health(state: State, request: Request, workspace: str, name: str) -> None:
    """200 when the endpoint would answer, else 503 with the reason. Raises Problem."""
    route = await state.endpoint(await state.who(request), workspace, name)
    if not route.ready:
        raise forward.not_ready(route, None)
    await request.answer(200, orjson.dumps({"status": "ready"}))


async def info(state: State, request: Request, workspace: str, name: str) -> None:
    """What answers behind the endpoint. Raises Problem."""
    route = await state.endpoint(await state.who(request), workspace, name)
    models = [
        {"revision": row.revision, "model": row.model, "variant": row.variant or None, "traffic": row.traffic} for row in route.revisions
    ]
    body = {"model_id": models[-1]["model"] if models else None, "model_pipeline_tag": route.task, "revisions": models}
    await request.answer(200, orjson.dumps(body))
