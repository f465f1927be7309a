"""The gate before everything: what is refused before it is read. Spoken over a bare socket, so that no client is polite for us."""

import gzip
import json
import os
import resource
import socket
import time

import pytest

from tests.people import People
from tests.server import Server


def say(server: Server, *parts: bytes, wait: float = 5) -> tuple[int, bytes]:
    """Sends bytes as they are; (status, everything that came back)."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=wait) as line:
        for part in parts:
            try:
                line.sendall(part)
            except (BrokenPipeError, ConnectionResetError):
                break
        answer = b""
        try:
            while piece := line.recv(65536):
                answer += piece
                if b"\r\n\r\n" in answer and answer.rstrip().endswith((b"}", b"\r\n0")):
                    break
        except (TimeoutError, ConnectionResetError):
            pass
    return int(answer.split(b" ", 2)[1]) if answer else 0, answer


def head(server: Server, method: str, path: str, token: str = "", **headers: str) -> bytes:
    lines = [f"{method} {path} HTTP/1.1"]
    sent = {"Host": server.host} | ({"Authorization": f"Bearer {token}"} if token else {})
    sent |= {name.replace("_", "-"): value for name, value in headers.items()}
    return ("\r\n".join(lines + [f"{name}: {value}" for name, value in sent.items()]) + "\r\n\r\n").encode()


@pytest.mark.parametrize(
    "path", ["/health", "/api/v1/me", "/api/v1/workspaces/acme/uploads", "/static/x.js", "/v1/models", "/accounts/login/"]
)
def test_A8_an_unknown_host_gets_400_everywhere(people: People, server: Server, path: str) -> None:
    for host in ("evil.example", "127.0.0.1.evil.example", "localhost@evil.example", "", "[::1"):
        assert say(server, head(server, "GET", path, people.alice.token, Host=host))[0] == 400, host


def test_I46_a_body_of_a_gigabyte_is_refused_before_it_is_read(people: People, server: Server) -> None:
    request = head(server, "POST", "/api/v1/workspaces", people.alice.token, Content_Type="application/json", Content_Length=str(1 << 30))
    status, answer = say(server, request, b'{"slug": "')
    assert status == 413
    assert json.loads(answer.split(b"\r\n\r\n", 1)[1])["code"] == "too_large"


def test_I46_a_chunked_body_is_counted_as_it_comes(people: People, server: Server) -> None:
    request = head(server, "POST", "/api/v1/workspaces", people.alice.token, Content_Type="application/json", Transfer_Encoding="chunked")
    chunk = b"10000\r\n" + b" " * 65536 + b"\r\n"
    assert say(server, request, *[chunk] * 80)[0] == 413


def packed(server: Server, token: str, body: bytes, encoding: str = "gzip") -> tuple[int, bytes]:
    more = {"Content_Type": "application/json", "Content_Encoding": encoding, "Content_Length": str(len(body))}
    return say(server, head(server, "POST", "/api/v1/workspaces", token, **more), body)


def test_I46_a_compressed_body_is_counted_as_it_is_unpacked(people: People, server: Server) -> None:
    """A body that would become a thousand times larger is given up at the limit of what it may become."""
    bomb = gzip.compress(b'{"slug": "' + bytes(1 << 29) + b'"}', 6)
    assert len(bomb) < 1 << 20
    begun, before = time.monotonic(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    status, answer = packed(server, people.alice.token, bomb)
    assert (status, json.loads(answer.split(b"\r\n\r\n", 1)[1])["code"]) == (413, "too_large")
    assert time.monotonic() - begun < 2
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 64 << 10  # KiB


def test_I46_what_is_packed_in_another_way_or_badly_is_refused(people: People, server: Server) -> None:
    body = gzip.compress(b'{"slug": "packed", "title": "Packed"}')
    assert packed(server, people.alice.token, body)[0] == 201
    for broken in (body[:-4], b"no gzip at all", body + body, body + b"more"):
        status, answer = packed(server, people.alice.token, broken)
        assert (status, b"compressed_body" in answer) == (400, True)
    for encoding in ("br", "deflate", "gzip, gzip", "zstd"):
        status, answer = packed(server, people.alice.token, body, encoding)
        assert (status, b"compressed_body" in answer) == (415, True)


def test_I47_two_lengths_are_one_too_many(people: People, server: Server) -> None:
    both = head(server, "POST", "/api/v1/workspaces", people.alice.token, Content_Length="5", Transfer_Encoding="chunked")
    assert say(server, both, b"0\r\n\r\n")[0] == 400
    assert say(server, head(server, "POST", "/api/v1/workspaces", people.alice.token, Content_Length="-5"))[0] == 400
    twice = head(server, "POST", "/api/v1/workspaces", people.alice.token).replace(
        b"\r\n\r\n", b"\r\nContent-Length: 2\r\nContent-Length: 20\r\n\r\n"
    )
    assert say(server, twice, b"{}")[0] == 400


def test_every_answer_bears_the_requests_name(server: Server) -> None:
    for path in ("/health", "/nothing", "/static/nothing.js", "/api/v1/nothing"):
        status, answer = say(server, head(server, "GET", path, X_Request_Id="my-name"), wait=1)
        assert status in {200, 302, 404}
        assert b"x-request-id: my-name" in answer.lower()


@pytest.mark.parametrize(
    "path",
    [
        "/static/../db.sqlite3",
        "/static/..%2f..%2fdb.sqlite3",
        "/static/%2e%2e/secrets/secret_key",
        "/static//etc/passwd",
        "/static/ninja/../../x",
    ],
)
def test_A1_static_files_are_only_those_that_are_there(server: Server, path: str) -> None:
    assert say(server, head(server, "GET", path), wait=1)[0] == 404


def test_static_files_are_served_with_their_type_and_kept(server: Server) -> None:
    status, answer = say(server, head(server, "GET", "/static/ninja/favicon.png", Connection="close"))
    assert status == 200
    assert b"content-type: image/png" in answer.lower()
    assert b"nosniff" in answer
    assert say(server, head(server, "POST", "/static/ninja/favicon.png", Content_Length="0"), wait=1)[0] == 405


def test_a_static_file_that_was_replaced_meanwhile_is_not_found(server: Server) -> None:
    from controlplane.asgi import statics
    from whitenoise.responders import StaticFile

    gone = StaticFile("/nowhere/old.js", [], stat_cache={"/nowhere/old.js": os.stat(__file__)})
    statics.shelf.files["/static/old.js"] = gone
    try:
        status, answer = say(server, head(server, "GET", "/static/old.js", Connection="close"))
    finally:
        del statics.shelf.files["/static/old.js"]
    assert (status, b"Not found" in answer) == (404, True)


def test_a_new_build_is_found_without_a_new_start(server: Server) -> None:
    from controlplane.asgi import statics

    name = next(name for name in statics.shelf.files if name.startswith("/static/built/core-") and name.endswith(".js"))
    found = statics.shelf.files.pop(name)
    statics.scanned = time.monotonic()
    try:
        assert say(server, head(server, "GET", name, Connection="close"))[0] == 404
        statics.scanned -= 60
        assert say(server, head(server, "GET", name, Connection="close"))[0] == 200
    finally:
        statics.shelf.files[name] = found


def test_many_requests_share_a_few_threads(people: People, server: Server) -> None:
    import threading
    from concurrent.futures import ThreadPoolExecutor

    request = head(server, "GET", "/api/v1/me", people.alice.token, Connection="close")
    with ThreadPoolExecutor(8) as pool:
        statuses = list(pool.map(lambda _: say(server, request)[0], range(64)))
    assert statuses == [200] * 64
    assert len([thread for thread in threading.enumerate() if thread.name.startswith("request")]) <= 16
