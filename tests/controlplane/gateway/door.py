"""The smallest HTTP client that can do what clients do wrong: raw headers, raw bodies, half-read streams."""

import http.client
import json
from dataclasses import dataclass
from typing import Any

from tests.server import Server


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def code(self) -> str:
        said = self.json
        return str(said["error"]["code"] if isinstance(said.get("error"), dict) else said["code"])

    @property
    def events(self) -> list[Any]:
        """The JSON of each `data:` line of an event stream; the word DONE as it is."""
        lines = [line[5:].strip() for line in self.body.decode().split("\n") if line.startswith("data:")]
        return [line if line == "[DONE]" else json.loads(line) for line in lines]


class Door:
    def __init__(self, server: Server, token: str = "") -> None:
        self.server, self.token = server, token

    def call(self, method: str, path: str, body: Any = None, *, raw: bytes | None = None, **headers: str) -> Answer:
        """One request on a connection of its own. Keyword headers are written with underscores."""
        data = raw if raw is not None else b"" if body is None else json.dumps(body).encode()
        sent = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        if data and raw is None:
            sent["Content-Type"] = "application/json"
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        connection = http.client.HTTPConnection(self.server.host, timeout=30)
        try:
            connection.request(method, path, data, sent)
            response = connection.getresponse()
            return Answer(response.status, {k.lower(): v for k, v in response.getheaders()}, response.read())
        finally:
            connection.close()

    def predict(self, inputs: Any, endpoint: str = "acme/mood", **headers: str) -> Answer:
        return self.call("POST", f"/v1/endpoints/{endpoint}", {"inputs": inputs}, **headers)

    def chat(self, content: str, endpoint: str = "acme/poet", **more: Any) -> Answer:
        body = {"model": endpoint, "messages": [{"role": "user", "content": content}], **more}
        return self.call("POST", "/v1/chat/completions", body)
