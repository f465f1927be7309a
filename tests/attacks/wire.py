"""A client that sends addresses exactly as they are written: no joining of `..`, no quoting, no politeness."""

import http.client
import json
from typing import Any, NamedTuple, Self

from tests.server import Server


class Reply(NamedTuple):
    """headers: lower case names, the last value of each."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def code(self) -> str:
        said = self.json if self.body and "json" in self.headers.get("content-type", "") else {}
        error = said.get("error")
        return str(error.get("code") if isinstance(error, dict) else said.get("code", ""))


class Wire:
    """Many requests over one kept connection. token or cookie: who asks; neither = nobody."""

    def __init__(self, server: Server, token: str = "", cookie: str = "") -> None:
        self.server = server
        self.standing = {"Authorization": f"Bearer {token}"} if token else {"Cookie": cookie} if cookie else {}
        self.line = http.client.HTTPConnection(server.host, timeout=30)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: Any) -> None:
        self.line.close()

    def ask(self, method: str, address: str, body: Any = None, *, raw: bytes | None = None, **headers: str) -> Reply:
        """Keyword headers are written with underscores; `Host` replaces the right one."""
        data = raw if raw is not None else None if body is None else json.dumps(body).encode()
        sent = {"Host": self.server.host, **self.standing}
        if data is not None:
            sent |= {"Content-Type": "application/json", "Content-Length": str(len(data))}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        try:
            return self._once(method, address, data, sent)
        except (http.client.RemoteDisconnected, BrokenPipeError, ConnectionResetError):
            self.line.close()  # the server ended a kept connection, as it may
            return self._once(method, address, data, sent)

    def _once(self, method: str, address: str, data: bytes | None, headers: dict[str, str]) -> Reply:
        self.line.putrequest(method, address, skip_host=True, skip_accept_encoding=True)
        for name, value in headers.items():
            self.line.putheader(name, value)
        self.line.endheaders(data)
        answer = self.line.getresponse()
        found = {name.lower(): value for name, value in answer.getheaders()}
        body = answer.read()
        if found.get("connection") == "close":
            self.line.close()
        return Reply(answer.status, found, body)


def session(person: Any) -> str:
    """The Cookie header of a person signed in with a browser."""
    browser = person.in_browser()
    return f"slipway_session={browser.http.cookies['slipway_session'].value}"
