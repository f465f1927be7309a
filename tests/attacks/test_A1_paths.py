"""A1, A11, A25: no address leads to a file. Sixty ways of writing `..` on every route, and a canary outside the store.

A28: an address written oddly reaches no handler without a key.
"""

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from typing import Any, NamedTuple

import pytest
from controlplane.api import api

from tests.attacks.census import Route, routes
from tests.attacks.wire import Wire, session
from tests.people import People
from tests.server import Server
from workers.contract.home import slipway_home

LINES = 6
CANARY = "canary-5f1c0f2b-outside-the-store"
UP = (
    *("..", "%2e%2e", ".%2e", "%2E.", "%252e%252e", "%25252e%25252e", "..%00", "..;", "..;x=1", "..%3b", "....", "..%23", "..%3f"),
    *("%c0%ae%c0%ae", "%e0%80%ae%e0%80%ae", "%uff0e%uff0e", "%ef%bc%8e%ef%bc%8e", "..%0a", "..%20", "%e2%80%a5", ".%00.", "..%5c.."),
)
DOWN = ("/", "%2f", "%5c", "%252f", "%c0%af", "//", "/./", "%2f%2f")


def corpus() -> list[str]:
    """Sixty payloads that name the canary, `/etc/passwd` or our secrets by some other parser's rules."""
    home = str(slipway_home())
    targets = [f"{home[1:]}/canary.txt", "etc/passwd", f"{home[1:]}/secrets/secret_key"]
    found = [(up + down) * 9 + targets[0].replace("/", down) for up in UP[:6] for down in DOWN[:5]]
    found += [(up + "/") * 9 + targets[1] for up in UP[6:]]
    found += [f"%2f{home[1:]}/canary.txt", f"file:%2f%2f/{targets[0]}", f"file%3a///{targets[2]}", "~%2f.ssh%2fid_rsa", "..%2fcanary.txt"]
    found += [
        "%2e%2e%2f" + targets[2].replace("/", "%2f"),
        "..%2f..%2fdb.sqlite3",
        "..%2fsecrets%2fsecret_key",
        ".store-id",
        "store%2f..%2fcanary.txt",
    ]
    found += ["x%00.txt", "x%2f..%2f..%2fcanary.txt", "x/../../canary.txt", "x%3f/../../canary.txt", "x%23/../../canary.txt"]
    found += [
        f"//{targets[1]}",
        "....//....//....//" + targets[1],
        f"..%2f{targets[0]}%00.png",
        f"..%5c..%5c{targets[0]}",
        "%2e%2e/" * 3 + "canary.txt",
    ]
    return found


@pytest.fixture
def secrets() -> tuple[bytes, ...]:
    """What no answer may hold."""
    (slipway_home() / "canary.txt").write_text(CANARY)
    return CANARY.encode(), b"root:x:0:0", (slipway_home() / "secrets" / "secret_key").read_bytes().strip()


class Try(NamedTuple):
    """One request. page: asked with a browser's session instead of a token."""

    method: str
    address: str
    body: Any = None
    page: bool = False


def all_harmless(people: People, server: Server, secrets: tuple[bytes, ...], tries: Iterable[Try]) -> int:
    """Ask them all, several at a time; how many there were."""
    cookie = session(people.alice)

    def ask(share: list[Try]) -> None:
        with Wire(server, people.alice.token) as api, Wire(server, cookie=cookie) as browser:
            for one in share:
                reply = (browser if one.page else api).ask(one.method, one.address, one.body)
                assert reply.status < 500, one
                assert not [secret for secret in secrets if secret in reply.body], one

    everything = list(tries)
    with ThreadPoolExecutor(LINES) as pool:
        list(pool.map(ask, [everything[start::LINES] for start in range(LINES)]))
    return len(everything)


def test_A1_the_corpus_has_its_size() -> None:
    assert len(set(corpus())) >= 60


def in_addresses() -> Iterable[Try]:
    """Every payload in every parameter of every GET; of the writing routes each gets six, another six each time."""
    payloads = corpus()
    for number, route in enumerate(each for each in routes() if each.parameters):
        body = {} if route.method in {"POST", "PATCH"} else None
        given = payloads if route.method == "GET" else [payloads[(number * 6 + k) % len(payloads)] for k in range(6)]
        for payload in given:
            yield Try(route.method, route.at(payload), body, route.kind == "page")
    for payload in payloads:
        yield Try("GET", f"/api/v1/workspaces/{payload}")
        yield Try("GET", f"/{payload}", page=True)


def test_A1_no_address_reads_a_file(people: People, server: Server, secrets: tuple[bytes, ...]) -> None:
    assert all_harmless(people, server, secrets, in_addresses()) > 3000


def in_questions(document: dict[str, Any]) -> Iterable[Try]:
    """A fifth of the payloads in every query parameter, another fifth each time."""
    for number, (path, methods) in enumerate(document["paths"].items()):
        address = Route("GET", path, "api").at()
        for name in {parameter["name"] for parameter in methods.get("get", {}).get("parameters", []) if parameter["in"] == "query"} - {
            "wait"
        }:
            yield from (Try("GET", f"{address}?{name}={payload}") for payload in corpus()[number % 5 :: 5])


def in_bodies(document: dict[str, Any]) -> Iterable[Try]:
    """A tenth of the payloads, as JSON has them, in every field of every body."""
    for number, (path, methods) in enumerate(document["paths"].items()):
        for method, operation in methods.items():
            for field in body_fields(document, operation):
                for payload in corpus()[number % 10 :: 10]:
                    yield Try(method.upper(), Route(method, path, "api").at(), {field: payload.replace("%2f", "/").replace("%2e", ".")})


def test_A1_no_query_and_no_body_reads_a_file(people: People, server: Server, secrets: tuple[bytes, ...]) -> None:
    document = api.get_openapi_schema()
    assert all_harmless(people, server, secrets, chain(in_questions(document), in_bodies(document))) > 500


def body_fields(document: dict[str, Any], operation: dict[str, Any]) -> list[str]:
    """The top fields of a JSON body."""
    schema = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})
    for part in [schema, *schema.get("anyOf", [])]:
        if reference := part.get("$ref"):
            part = document["components"]["schemas"][reference.rsplit("/", 1)[-1]]
        if part.get("properties"):
            return list(part["properties"])
    return []


ODD = (
    "/{0}",
    "/.//{0}",
    "/%2e/{0}",
    "/x/../{0}",
    "/;/{0}",
    "/%2f{0}",
    "/{0}/",
    "/{0}//",
    "/{0};a=b",
    "/{0}%2f",
    "/{0}%00",
    "/{0}%20",
    "/{0}/.",
    "//{0}",
)


def oddly(route: Route) -> Iterable[tuple[str, str, bool]]:
    """(method, address, whether it leads to the workers' door) of every way of writing it."""
    for form in ODD:
        yield route.method, form.format(route.at().lstrip("/")), route.kind == "door"


def test_A28_odd_addresses_open_nothing_without_a_key(people: People, server: Server) -> None:
    """The right address, and thirteen that a proxy or a framework may take for it, asked by nobody."""
    guarded = [r for r in routes() if r.kind not in {"static", "file"} and not (r.permission and r.permission.kind == "public")]
    everything = [one for route in guarded for one in oddly(route)]

    def ask(share: list[tuple[str, str, bool]]) -> None:
        with Wire(server) as nobody:
            for method, address, door in share:
                reply = nobody.ask(method, address, {} if method in {"POST", "PATCH"} else None)
                allowed = {301, 302, 400, 401, 403, 404, 405, 412} | ({422} if door else set())
                assert reply.status in allowed, f"{method} {address}: {reply.status}"
                if reply.status in {301, 302}:
                    assert "/accounts/login/" in reply.headers["location"], f"{method} {address}: {reply.headers['location']}"

    with ThreadPoolExecutor(LINES) as pool:
        list(pool.map(ask, [everything[start::LINES] for start in range(LINES)]))
