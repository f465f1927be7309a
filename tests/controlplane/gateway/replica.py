"""A replica that speaks the frames over a real unix socket, from a thread of its own, and does what its input says."""

import asyncio
import itertools
import json
import shutil
import tempfile
import threading
from pathlib import Path
from typing import Any

from workers.contract import frames

_numbers = itertools.count(1)


class Replica:
    """Answers text classification and generation. inputs: `slow:2` waits 2 s, `die` drops the connection, `status:503` refuses,
    `never` does not answer; of a stream each word is a piece. seen: (op, type, body) · cancelled: ids given up by the gateway ·
    lag: seconds by which every answer is late · resets: of so many requests one ends its connection instead of being answered."""

    def __init__(self, label: str = "good") -> None:
        self.label = label
        self.folder = Path(tempfile.mkdtemp(prefix="slw-"))
        self.path = self.folder / f"{next(_numbers)}.sock"
        self.address = f"unix:{self.path}"
        self.seen: list[tuple[str, str, bytes]] = []
        self.cancelled: list[int] = []
        self.dead = False
        self.silent = False
        self.lag, self.resets = 0.0, 0
        self._writers: set[asyncio.StreamWriter] = set()
        self._running: dict[tuple[int, int], asyncio.Task[None]] = {}
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self.up()

    def up(self) -> None:
        """Listen (again)."""
        self.dead = False
        self._server = asyncio.run_coroutine_threadsafe(asyncio.start_unix_server(self._serve, self.path), self._loop).result(5)

    def kill(self) -> None:
        """As `kill -9` looks from outside: every connection ends, nothing listens."""
        self.dead = True
        asyncio.run_coroutine_threadsafe(self._down(), self._loop).result(5)
        self.path.unlink(missing_ok=True)

    async def _down(self) -> None:
        self._server.close()
        for writer in list(self._writers):
            writer.transport.abort()

    def close(self) -> None:
        self.kill()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)
        shutil.rmtree(self.folder, ignore_errors=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            while True:
                head, body = await frames.read(reader)
                key = (id(writer), head["id"])
                if head["op"] == "cancel":
                    self.cancelled.append(head["id"])
                    if task := self._running.get(key):
                        task.cancel()
                    continue
                self.seen.append((head["op"], head.get("type", ""), body))
                self._running[key] = asyncio.create_task(self._answer(head, body, writer))
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self._writers.discard(writer)
            writer.close()

    async def _answer(self, head: dict[str, Any], body: bytes, writer: asyncio.StreamWriter) -> None:
        number = head["id"]
        if self.silent:
            return
        if self.resets and len(self.seen) % self.resets == 0:
            writer.transport.abort()
            return
        await asyncio.sleep(self.lag)
        if head["op"] == "hello":
            writer.write(frames.pack({"id": number, "status": 200, "last": True}))
            return
        if head["type"] != "application/json":
            self._reply(writer, number, [{"label": head["type"], "score": 1.0}])
            return
        inputs = json.loads(body)["inputs"]
        text = inputs if isinstance(inputs, str) else "\n".join(m["content"] if isinstance(m, dict) else str(m) for m in inputs)
        if text.startswith("slow:"):
            await asyncio.sleep(float(text[5:]))
        elif text == "never":
            return
        elif text == "die":
            writer.transport.abort()
            return
        elif text.startswith("status:"):
            error = json.dumps({"code": "made_up", "message": "as you wish", "loc": {"row": 0}}).encode()
            writer.write(frames.pack({"id": number, "status": int(text[7:]), "last": True, "retry_after": 3}, error))
            return
        if head["op"] == "stream":
            await self._stream(writer, number, text)
        elif "parameters" in json.loads(body) and "return_full_text" in json.loads(body)["parameters"]:
            self._reply(writer, number, [{"generated_text": f"<{text}>"}])
        else:
            self._reply(writer, number, [[{"label": self.label, "score": 0.9}]])

    def _reply(self, writer: asyncio.StreamWriter, number: int, value: Any) -> None:
        head = {"id": number, "status": 200, "last": True, "type": "application/json", "usage": {"input_tokens": 3, "output_tokens": 2}}
        writer.write(frames.pack(head, json.dumps(value).encode()))

    async def _stream(self, writer: asyncio.StreamWriter, number: int, text: str) -> None:
        words = text.split()
        for word in words:
            if word == "die":
                writer.transport.abort()
                return
            writer.write(frames.pack({"id": number, "status": 200, "last": False}, word.encode()))
            await asyncio.sleep(0.3 if word == "wait" else 0.001)
        usage = {"input_tokens": 3, "output_tokens": len(words)}
        writer.write(frames.pack({"id": number, "status": 200, "last": True, "usage": usage}))
