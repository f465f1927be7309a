"""OpenAI's shape: `/v1/models`, `/v1/completions` and `/v1/chat/completions`, whole or as an event stream."""

import asyncio
import secrets
import time
from contextlib import aclosing
from typing import Any

import orjson
from pydantic import ValidationError

from controlplane.errors import Problem
from controlplane.gateway import forward
from controlplane.gateway.access import Access
from controlplane.gateway.cache import SourceAway
from controlplane.gateway.forward import Answered, Reply, Timing
from controlplane.gateway.openai_schema import ChatRequest, CompletionRequest
from controlplane.gateway.shapes import openai_error
from controlplane.gateway.state import State
from controlplane.gateway.wire import EVENT_STREAM, Disconnected, Request, loads
from controlplane.limits import limit
from controlplane.serving.routes import EndpointRoute, RevisionRoute

BODY_MAX = limit("predict_body")
Asked = ChatRequest | CompletionRequest


async def models(state: State, request: Request, identifier: str) -> None:
    """The endpoints this key can call, or one of them. Raises Problem."""
    access = await state.who(request)
    if identifier:
        route = await find(state, access, identifier)
        await request.answer(200, orjson.dumps(_model(route)))
        return
    try:
        routes = await state.book.endpoints(sorted(access.roles))
    except SourceAway as error:
        raise Problem(503, "database_away", "Endpoints cannot be listed right now.", headers={"Retry-After": "2"}) from error
    await request.answer(200, orjson.dumps({"object": "list", "data": [_model(route) for route in routes]}))


def _model(route: EndpointRoute) -> dict[str, Any]:
    name = f"{route.workspace}/{route.name}"
    return {"id": name, "object": "model", "created": route.created, "owned_by": route.workspace, "task": route.task, "state": route.state}


async def find(state: State, access: Access, model: str) -> EndpointRoute:
    workspace, _, name = model.partition("/")
    return await state.endpoint(access, workspace, name)


async def generate(state: State, request: Request, schema: type[Asked], at: tuple[str, str] | None = None) -> None:
    """Answer a completion or chat. at: the endpoint when the address names it, else `model` does. Raises Problem, Disconnected."""
    access = await state.who(request)
    timing = Timing(state)
    asked = parse(schema, await request.body(BODY_MAX))
    route = await state.endpoint(access, *at) if at else await find(state, access, asked.model)
    revision, status = 0, 500
    usage: dict[str, int] | None = None
    try:
        request.out += await state.spend(access, route)
        if route.task != "text-generation":
            hint = f"Call POST /v1/endpoints/{route.workspace}/{route.name} instead."
            raise Problem(422, "wrong_task", f"This endpoint does {route.task}, not text generation.", hint)
        answer = _stream if asked.stream else _whole
        revision, status, usage = await answer(state, request, route, asked, timing)
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


def parse(schema: type[Asked], body: bytes) -> Asked:
    """The request, checked. Raises Problem 400, 422."""
    try:
        return schema.model_validate(loads(body))
    except ValidationError as error:
        errors = [{"loc": ["body", *map(str, each["loc"])], "msg": each["msg"]} for each in error.errors()]
        first = errors[0]
        detail = f"{'.'.join(first['loc'][1:]) or 'The body'}: {first['msg']}."
        raise Problem(422, "invalid", detail, errors=errors) from error


def bodies(asked: Asked) -> list[bytes]:
    """What goes to the replica, one for each choice: {"inputs", "parameters"}."""
    parameters = asked.parameters()
    if isinstance(asked, ChatRequest):
        return [orjson.dumps({"inputs": [message.plain() for message in asked.messages], "parameters": parameters})]
    prompts = [asked.prompt] if isinstance(asked.prompt, str) else asked.prompt
    return [orjson.dumps({"inputs": prompt, "parameters": parameters}) for prompt in prompts]


async def _whole(state: State, request: Request, route: EndpointRoute, asked: Asked, timing: Timing) -> tuple[int, int, dict[str, int]]:
    """One JSON answer. (revision, status, usage) for the meter."""
    tasks = [forward.predict(state, request, route, body, "application/json") for body in bodies(asked)]
    replies = [await tasks[0]] if len(tasks) == 1 else await _together(tasks)
    usage = {key: sum((reply.head.get("usage") or {}).get(key, 0) for reply in replies) for key in ("input_tokens", "output_tokens")}
    chat = isinstance(asked, ChatRequest)
    choices = [_choice(index, text_of(reply), finish(reply.head, asked), chat) for index, reply in enumerate(replies)]
    answer = {**_head(asked, route, "chat.completion" if chat else "text_completion"), "choices": choices, "usage": openai_usage(usage)}
    request.out += replies[0].headers
    await request.answer(200, orjson.dumps(answer))
    return replies[0].revision.revision, 200, usage


async def _together(tasks: list[Any]) -> list[Reply]:
    """All of them at once; the first that fails ends the others."""
    try:
        async with asyncio.TaskGroup() as group:
            running = [group.create_task(task) for task in tasks]
    except BaseExceptionGroup as error:
        raise error.exceptions[0] from error
    return [task.result() for task in running]


def _choice(index: int, text: str, reason: str, chat: bool) -> dict[str, Any]:
    if not chat:
        return {"index": index, "text": text, "logprobs": None, "finish_reason": reason}
    message = {"role": "assistant", "content": text, "refusal": None}
    return {"index": index, "message": message, "logprobs": None, "finish_reason": reason}


def _head(asked: Asked, route: EndpointRoute, kind: str) -> dict[str, Any]:
    prefix = "chatcmpl" if isinstance(asked, ChatRequest) else "cmpl"
    identifier = f"{prefix}-{secrets.token_hex(14)}"
    return {"id": identifier, "object": kind, "created": int(time.time()), "model": f"{route.workspace}/{route.name}"}


def text_of(reply: Reply) -> str:
    """The generated text in a Hugging Face answer: [{generated_text}] or [[{generated_text}]]."""
    value: Any = orjson.loads(reply.body)
    while isinstance(value, list) and value:
        value = value[0]
    if not isinstance(value, dict) or "generated_text" not in value:
        raise Answered(reply.revision, Problem(502, "bad_answer", "The model's answer is not generated text."))
    return str(value["generated_text"])


def finish(head: dict[str, Any], asked: Asked) -> str:
    """`length` when the limit ended it, else `stop`."""
    if head.get("finish_reason") in ("stop", "length"):
        return str(head["finish_reason"])
    made = (head.get("usage") or {}).get("output_tokens", 0)
    return "length" if asked.limit is not None and made >= asked.limit else "stop"


def openai_usage(usage: dict[str, int]) -> dict[str, int]:
    given, made = usage.get("input_tokens", 0), usage.get("output_tokens", 0)
    return {"prompt_tokens": given, "completion_tokens": made, "total_tokens": given + made}


class Chunks:
    """The lines of one event stream. What does not change is encoded once."""

    def __init__(self, asked: Asked, route: EndpointRoute) -> None:
        self._chat = isinstance(asked, ChatRequest)
        self._wants_usage = bool(asked.stream_options and asked.stream_options.include_usage)
        kind = "chat.completion.chunk" if self._chat else "text_completion"
        self._start = b"data: " + orjson.dumps(_head(asked, route, kind))[:-1]
        usage = b',"usage":null' if self._wants_usage else b""
        field = b'"delta":{"content":' if self._chat else b'"text":'
        self._before = self._start + usage + b',"choices":[{"index":0,' + field
        self._after = (b"}" if self._chat else b"") + b',"logprobs":null,"finish_reason":null}]}\n\n'

    def first(self) -> bytes:
        """A chat begins by saying who speaks."""
        if not self._chat:
            return b""
        choice = {"index": 0, "delta": {"role": "assistant", "content": ""}, "logprobs": None, "finish_reason": None}
        return self._line({"choices": [choice]})

    def piece(self, text: str) -> bytes:
        return self._before + orjson.dumps(text) + self._after if text else b""

    def last(self, reason: str, usage: dict[str, int]) -> bytes:
        choice: dict[str, Any] = {"index": 0, "logprobs": None, "finish_reason": reason}
        choice |= dict[str, Any](delta={}) if self._chat else {"text": ""}
        end = self._line({"choices": [choice]})
        if self._wants_usage:
            end += self._start + b"," + orjson.dumps({"choices": [], "usage": openai_usage(usage)})[1:] + b"\n\n"
        return end + b"data: [DONE]\n\n"

    def _line(self, more: dict[str, Any]) -> bytes:
        if self._wants_usage:
            more = {"usage": None, **more}
        return self._start + b"," + orjson.dumps(more)[1:] + b"\n\n"


async def _stream(state: State, request: Request, route: EndpointRoute, asked: Asked, timing: Timing) -> tuple[int, int, dict[str, int]]:
    """The same as an event stream. A replica that is lost on the way ends it with an error event."""
    prompts = bodies(asked)
    if len(prompts) != 1:
        message = "A stream takes one prompt; send each in a request of its own."
        raise Problem(422, "invalid", message, errors=[{"loc": ["body", "prompt"], "msg": message}])
    chunks = Chunks(asked, route)
    speaker: RevisionRoute | None = None
    usage: dict[str, int] = {}
    try:
        async with aclosing(forward.stream(state, request, route, prompts[0], "application/json")) as replies:
            async for reply in replies:
                timing.piece()
                data = chunks.piece(reply.body.decode("utf-8", "replace"))
                if speaker is None:
                    speaker = reply.revision
                    request.out += reply.headers
                    await request.begin(EVENT_STREAM)
                    data = chunks.first() + data
                usage = reply.head.get("usage") or usage
                last = reply.head.get("last", True)
                if last:
                    data += chunks.last(finish({**reply.head, "usage": usage}, asked), usage)
                if data:
                    await request.piece(data, more=not last)
    except Answered as error:
        if speaker is None:
            raise
        await request.piece(b"data: " + orjson.dumps({"error": openai_error(error.problem)}) + b"\n\n", more=False)
        return error.revision.revision, error.problem.status, usage
    return speaker.revision if speaker else 0, 200, usage
