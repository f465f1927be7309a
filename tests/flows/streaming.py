"""Somebody who reads one token stream after the other to its last line, and notes how each began and ended."""

import http.client
import json
import threading
import time
from dataclasses import dataclass
from typing import Any

from tests.stack import Api


@dataclass
class Seen:
    """One answer. whole: it ended with a reason and the last line; begun, ended: monotonic seconds."""

    status: int
    revision: str
    begun: float
    ended: float = 0.0
    pieces: int = 0
    whole: bool = False


class Reader(threading.Thread):
    """Calls `/v1/completions` again and again until told to stop. tokens: how long the answers may be."""

    def __init__(self, api: Api, model: str, tokens: int, *, stream: bool = True) -> None:
        super().__init__(daemon=True)
        self.api, self.stream = api, stream
        self.body = {"model": model, "prompt": "床前", "max_tokens": tokens, "stream": stream, "temperature": 1.5}
        self.seen: list[Seen] = []
        self.faults: list[BaseException] = []
        self.done = threading.Event()

    def run(self) -> None:
        line = http.client.HTTPConnection(self.api.base.removeprefix("http://"), timeout=60)
        headers = {"Authorization": f"Bearer {self.api.token}", "Content-Type": "application/json"}
        while not self.done.is_set():
            begun = time.monotonic()
            try:
                line.request("POST", "/v1/completions", json.dumps(self.body), headers)
                answer = line.getresponse()
                seen = Seen(answer.status, answer.headers.get("X-Revision", ""), begun)
                self.seen.append(seen)
                (self._read if self.stream else self._take)(answer, seen)
                seen.ended = time.monotonic()
            except (OSError, http.client.HTTPException) as fault:
                self.faults.append(fault)
                line.close()

    def _take(self, answer: http.client.HTTPResponse, seen: Seen) -> None:
        seen.whole = bool(json.loads(answer.read())["choices"][0]["finish_reason"])

    def _read(self, answer: http.client.HTTPResponse, seen: Seen) -> None:
        reason: Any = None
        for raw in answer:
            text = raw.decode().strip()
            if text == "data: [DONE]":
                seen.whole = bool(reason)
            elif text.startswith("data: "):
                seen.pieces += 1
                reason = json.loads(text[6:])["choices"][0]["finish_reason"]
