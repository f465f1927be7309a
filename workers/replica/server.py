"""A replica's life: load, warm, check, say `ready`, answer, drain. It is the child of an order of kind `serve`.

It listens on a unix socket of this machine, or on TCP with a secret of its own when `SLIPWAY_REPLICA_HOST` names an address.
SIGTERM drains: what it has is finished and stragglers are still answered, for at most 30 s; then it ends with status 0.
"""

import asyncio
import logging
import os
import secrets
import signal
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from pathlib import Path
from typing import Any

import orjson
from pydantic import TypeAdapter, ValidationError

from workers.contract.home import runtime_dir
from workers.contract.names import REPLICA_DRAIN_SECONDS
from workers.contract.orders import Order, ServeWork
from workers.contract.recipe import Predictor, Spec, UserError
from workers.events import EventWriter
from workers.folder import RunFolder
from workers.recipes import FOLDER_OF, RECIPES
from workers.replica.batcher import Batcher
from workers.replica.session import Desk, Session

log = logging.getLogger(__name__)

QUIET_SECONDS = 1.0  # gateways have stopped sending by then


def serve(order: Order, folder: RunFolder) -> dict[str, Any]:
    """Answer until asked to stop. Raises UserError `load_failed` or `bad_answer` when the model cannot serve."""
    work = order.work
    if not isinstance(work, ServeWork):
        raise TypeError("not an order to serve")
    started = time.monotonic()
    events = EventWriter(folder.path)
    predictor = load(work.recipe, folder.inputs / "model", order.device, order.threads)
    warm(predictor, RECIPES[work.recipe], work.example)
    events.emit("log", {"level": "info", "text": f"loaded, warm and checked in {time.monotonic() - started:.1f} s"})
    answered = asyncio.run(_serve(predictor, order, work, events))
    return {"answered": answered}


def load(recipe: str, model: Path, device: str, threads: int) -> Predictor:
    """The recipe's predictor. Raises UserError `load_failed` with the last line of what went wrong."""
    if recipe not in FOLDER_OF:
        raise UserError("unknown_recipe", f"this worker does not know the recipe {recipe!r}", "Update the worker host.")
    try:
        predictor: Predictor = import_module(f"workers.recipes.{FOLDER_OF[recipe]}.serve").load(model, device, threads)
        return predictor
    except (UserError, MemoryError):
        raise
    except Exception as error:
        log.exception("the model cannot be loaded")
        raise UserError("load_failed", f"the model cannot be loaded: {type(error).__name__}: {error}", "See the log.") from error


def warm(predictor: Predictor, spec: type[Spec], example: dict[str, Any] | None) -> None:
    """One whole request through the model, its answer held against the recipe's response type. Raises UserError `bad_answer`."""
    body = orjson.dumps(example or spec.example)
    try:
        items, single = predictor.decode(body, "application/json")
        answer = predictor.encode(predictor.predict(items), single)
        plain = orjson.loads(orjson.dumps(answer, option=orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_NON_STR_KEYS))
        if plain in (None, [], {}):
            raise UserError("bad_answer", "the model answered the recipe's example with nothing")
        TypeAdapter(spec.response).validate_python(plain)
    except (ValidationError, TypeError, ValueError, RuntimeError, KeyError, IndexError) as error:
        log.exception("the first answer is not well-formed")
        last = str(error).splitlines()[0]
        raise UserError("bad_answer", f"the model's first answer is not well-formed: {last}", "Check the model's files.") from error


async def _serve(predictor: Predictor, order: Order, work: ServeWork, events: EventWriter) -> int:
    secret = secrets.token_urlsafe(32) if os.environ.get("SLIPWAY_REPLICA_HOST") else None

    def own_threads() -> None:
        if torch := sys.modules.get("torch"):
            torch.set_num_threads(max(1, order.threads))

    batcher = Batcher(predictor, work.batch_tokens, own_threads)
    batcher.start()
    with ThreadPoolExecutor(1, "decode") as decoder:
        desk = Desk(predictor, batcher, work.max_queue, decoder, secret)

        async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await Session(desk, reader, writer).run()

        server, address = await _listen(connected, work.replica)
        stopping = asyncio.Event()
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopping.set)
        events.emit("ready", {"address": address, "secret": secret})
        try:
            while not stopping.is_set() and batcher.is_alive():
                await _wait(stopping, 1.0)
            if not batcher.is_alive():
                raise RuntimeError("the compute thread has died")
            await _drain(desk, events)
        finally:
            server.close()
            batcher.close()
            if address.startswith("unix:"):
                Path(address[5:]).unlink(missing_ok=True)
    return desk.answered


async def _wait(event: asyncio.Event, seconds: float) -> None:
    try:
        await asyncio.wait_for(event.wait(), seconds)
    except TimeoutError:
        pass


async def _listen(connected: Any, replica: str) -> tuple[asyncio.Server, str]:
    host = os.environ.get("SLIPWAY_REPLICA_HOST")
    if host:
        server = await asyncio.start_server(connected, host, 0)
        return server, f"tcp:{server.sockets[0].getsockname()[1]}"
    folder = runtime_dir() / "r"
    folder.mkdir(mode=0o700, exist_ok=True)
    path = folder / f"{''.join(char for char in replica if char.isalnum() or char in '-_')[:40]}-{os.getpid()}.sock"
    path.unlink(missing_ok=True)
    return await asyncio.start_unix_server(connected, str(path), backlog=512), f"unix:{path}"


async def _drain(desk: Desk, events: EventWriter) -> None:
    """Until nothing is in work and nothing has come for a moment."""
    end = time.monotonic() + REPLICA_DRAIN_SECONDS
    events.emit("log", {"level": "info", "text": f"draining: {desk.working} requests in work"})
    while time.monotonic() < end:
        quiet = time.monotonic() - desk.last_request > QUIET_SECONDS
        if desk.working == 0 and desk.batcher.idle and quiet:
            break
        await asyncio.sleep(0.05)
    await asyncio.sleep(0)  # the last answers leave their buffers
    events.emit("log", {"level": "info", "text": f"drained; {desk.answered} requests answered"})
