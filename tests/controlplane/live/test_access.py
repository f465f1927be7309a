"""Who may open a socket, what ends it, and what a bad client gets."""

import time
from typing import Any

import pytest
from controlplane.live import socket as live_socket
from controlplane.workspaces.models import ApiToken, Membership
from websockets.exceptions import ConnectionClosed, InvalidStatus

from tests.controlplane.live.conftest import Watched, frames


def close_code(socket: Any, seconds: float = 8) -> int:
    """The code the socket is closed with; raises TimeoutError when it stays open."""
    end = time.monotonic() + seconds
    try:
        while True:
            socket.recv(max(0.01, end - time.monotonic()))
    except ConnectionClosed as closed:
        return closed.rcvd.code if closed.rcvd else 0


def gone(watched: Watched, seconds: float) -> bool:
    """Whether the server has let every connection go within that time."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if not watched.server.uvicorn.server_state.connections:
            return True
        time.sleep(0.1)
    return False


def refused(watched: Watched, **headers: str) -> int:
    with pytest.raises(InvalidStatus) as answer, watched.watch(**headers):
        pass
    return answer.value.response.status_code


def cookie(watched: Watched) -> str:
    browser = watched.people.alice.in_browser()
    return f"slipway_session={browser.http.cookies['slipway_session'].value}"


def test_I55_bad_origin_is_refused_before_the_handshake(watched: Watched) -> None:
    session = cookie(watched)
    assert refused(watched, Cookie=session) == 403
    assert refused(watched, Cookie=session, Origin="https://evil.example") == 403
    assert refused(watched, Cookie=session, Origin="null") == 403
    with watched.watch(Cookie=session, Origin=watched.server.base) as socket:
        assert frames(socket, 1)


def test_A8_an_unknown_host_is_refused(watched: Watched) -> None:
    import socket

    with socket.create_connection(("127.0.0.1", watched.server.port), timeout=5) as line:
        head = "GET /ws/workspaces/acme/jobs/1 HTTP/1.1\r\nHost: evil.example\r\n"
        head += f"Authorization: Bearer {watched.people.alice.token}\r\n"
        head += (
            "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        )
        line.sendall(head.encode())
        assert b" 400 " in line.recv(200)


def test_strangers_get_4401_and_others_4404(watched: Watched) -> None:
    with watched.watch(Authorization="Bearer slw_nonsense") as socket:
        assert close_code(socket) == 4401
    with watched.watch(Origin=watched.server.base) as socket:
        assert close_code(socket) == 4401
    with watched.watch(watched.people.bob) as socket:
        assert close_code(socket) == 4404
    with watched.watch(job="999") as socket:
        assert close_code(socket) == 4404
    with watched.watch(watched.people.alice.with_token("predict")) as socket:
        assert close_code(socket) == 4404


def test_a_key_in_the_address_is_refused_and_marked(watched: Watched) -> None:
    with watched.watch(after=f"0&token={watched.people.alice.token}", Origin=watched.server.base) as socket:
        assert close_code(socket) == 1008
    assert ApiToken.objects.exclude(exposed_at=None).count() == 1


def test_A9_a_revoked_key_ends_its_sockets(watched: Watched) -> None:
    other = watched.people.alice.with_token("read")
    with watched.watch(other, after=watched.cursor) as socket, watched.watch(after=watched.cursor) as staying:
        time.sleep(0.2)
        made = watched.people.alice.get("/api/v1/tokens").body["items"][0]
        assert watched.people.alice.delete(f"/api/v1/tokens/{made['id']}").status == 204
        began = time.monotonic()
        assert close_code(socket) == 4401
        assert time.monotonic() - began <= 5
        watched.say("still here")
        assert frames(staying, 1)


def test_A9_logging_out_ends_the_browsers_sockets(watched: Watched) -> None:
    browser = watched.people.alice.in_browser()
    session = f"slipway_session={browser.http.cookies['slipway_session'].value}"
    with watched.watch(Cookie=session, Origin=watched.server.base) as socket:
        frames(socket, 1)
        browser.http.logout()
        assert close_code(socket, 5) == 4401


def test_A9_removal_from_the_workspace_ends_them_too(watched: Watched) -> None:
    with watched.watch(watched.people.charlie, after=watched.cursor) as socket:
        time.sleep(0.2)
        Membership.objects.filter(user=watched.people.charlie.user, workspace__slug="acme").delete()
        watched.say("not for everybody")
        assert close_code(socket, 5) == 4404


def test_I55_a_frame_of_two_megabytes_ends_it(watched: Watched) -> None:
    with watched.watch() as socket:
        try:
            socket.send('{"type": "' + "x" * 2_000_000 + '"}')
        except ConnectionClosed:
            pass
        assert close_code(socket) == 1009


def test_I55_frames_that_say_nothing_are_answered_and_end_it_at_the_third(watched: Watched) -> None:
    with watched.watch(after=watched.cursor) as socket:
        for said in (b"\x00\x01", "no json"):
            socket.send(said)
            assert frames(socket, 1)[0]["data"]["code"] == "bad_frame"
        socket.send('{"type": "subscribe", "job": 7}')
        assert close_code(socket) == 1008


def test_I56_a_flood_of_frames_ends_it(watched: Watched) -> None:
    with watched.watch(after=watched.cursor) as socket:
        try:
            for _ in range(1000):
                socket.send('{"type": "ping"}')
        except ConnectionClosed:
            pass
        assert close_code(socket) == 1008


def test_a_ping_is_answered(watched: Watched) -> None:
    with watched.watch(after=watched.cursor) as socket:
        socket.send('{"type": "ping"}')
        assert frames(socket, 1)[0]["data"]["code"] == "pong"


def test_B14_a_reader_that_takes_nothing_is_let_go(watched: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    import socket

    monkeypatch.setattr(live_socket, "SEND_SECONDS", 1.0)
    line = "x" * 15_000
    for _ in range(20):
        watched.say(*[line] * 50)
    with socket.create_connection(("127.0.0.1", watched.server.port), timeout=20) as slow:
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        head = f"GET /ws/workspaces/acme/jobs/{watched.job.number} HTTP/1.1\r\nHost: {watched.server.host}\r\n"
        head += f"Authorization: Bearer {watched.people.alice.token}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        head += "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        slow.sendall(head.encode())
        assert slow.recv(64).startswith(b"HTTP/1.1 101")
        assert gone(watched, 10), "the connection is kept for a reader who takes nothing"
