"""Every address of the product and how to write it: the API, the pages, and the raw doors beside Django."""

import re
from collections.abc import Iterator
from typing import NamedTuple

from controlplane.workspaces.access import Permission

from tests.controlplane.api.test_census import FILLED, operations, own_pages

PARAMETER = re.compile(r"[{<](?:(\w+):)?(\w+)[}>]")


class Route(NamedTuple):
    """address: with its parameters in braces or angle brackets · kind: api, page, door, upload, gateway, file or static."""

    method: str
    address: str
    kind: str
    permission: Permission | None = None

    def at(self, value: str | None = None) -> str:
        """The address with every text parameter (but the workspace) replaced by `value`, else by something plausible."""

        def fill(found: re.Match[str]) -> str:
            name = found[2]
            plain = "1" if found[1] == "int" or name == "n" else FILLED.get(name, "x")
            return plain if value is None or name == "ws" else value

        return PARAMETER.sub(fill, self.address)

    @property
    def parameters(self) -> int:
        return len([name for _, name in PARAMETER.findall(self.address) if name != "ws"])


UPLOADS = "/api/v1/workspaces/{ws}/uploads"
ENDPOINT = "/v1/endpoints/{ws}/{name}"
BESIDE = (
    *(Route(method, UPLOADS, "upload") for method in ("GET", "POST", "OPTIONS")),
    *(Route(method, UPLOADS + "/{id}", "upload") for method in ("HEAD", "GET", "PATCH", "DELETE", "OPTIONS")),
    *(
        Route("POST", ENDPOINT + rest, "gateway")
        for rest in ("", "/chat/completions", "/v1/chat/completions", "/completions", "/v1/completions")
    ),
    *(Route("GET", ENDPOINT + rest, "gateway") for rest in ("/health", "/info")),
    *(Route("GET", address, "gateway") for address in ("/v1/models", "/v1/models/{name}")),
    *(Route("POST", f"/v1/{name}", "gateway") for name in ("chat/completions", "completions")),
    *(Route(method, "/files/{token}", "file") for method in ("GET", "HEAD", "PUT")),
    Route("GET", "/static/{name}", "static"),
)


def routes() -> Iterator[Route]:
    """All of them, each method by itself."""
    for method, path, permission in operations():
        yield Route(method, path, "api", permission)
    for address, permission in own_pages():
        door = permission is not None and permission.kind == "worker_door"
        path = "/" + address.lstrip("^/").removesuffix(".*$")
        yield Route("POST" if door else "GET", path, "door" if door else "page", permission)
    yield from BESIDE
