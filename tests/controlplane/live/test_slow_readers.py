"""Fifty who open a job's socket and read nothing: they cost little memory, nobody else waits for them, and they are let go."""

import socket
import time

import psutil

from tests.controlplane.live.conftest import Watched, frames

MiB = 1 << 20
SLOW = 50


def open_and_read_nothing(watched: Watched) -> socket.socket:
    line = socket.create_connection(("127.0.0.1", watched.server.port), timeout=20)
    line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    head = f"GET /ws/workspaces/acme/jobs/{watched.job.number} HTTP/1.1\r\nHost: {watched.server.host}\r\n"
    head += f"Authorization: Bearer {watched.people.alice.token}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    line.sendall((head + "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n").encode())
    assert line.recv(64).startswith(b"HTTP/1.1 101")
    return line


def delays(watched: Watched, count: int) -> list[float]:
    """How long each of `count` lines takes to a reader who reads, sorted."""
    found = []
    with watched.watch(after=watched.cursor) as reader:
        for number in range(count):
            began = time.monotonic()
            watched.say(f"line {number}")
            frames(reader, 1)
            found.append(time.monotonic() - began)
            time.sleep(0.16)  # rings closer together are merged
    return sorted(found)


def test_F20_fifty_readers_that_take_nothing(watched: Watched) -> None:
    for _ in range(10):
        watched.say(*["x" * 15_000] * 50)
    alone = delays(watched, 20)
    memory = psutil.Process().memory_info
    before, begun = memory().rss, time.monotonic()
    slow = [open_and_read_nothing(watched) for _ in range(SLOW)]
    opened = time.monotonic()
    beside = delays(watched, 20)
    grown = memory().rss - before
    while watched.server.uvicorn.server_state.connections:
        assert time.monotonic() - opened < 15, f"{len(watched.server.uvicorn.server_state.connections)} are still held"
        time.sleep(0.1)
    gone = time.monotonic() - begun
    usual = [found[len(found) // 2] for found in (alone, beside)]
    print(f"+{grown / MiB:.0f} MiB; gone after {gone:.1f} s; a line takes {usual[0]:.3f} s alone, {usual[1]:.3f} s beside")
    for line in slow:
        line.close()
    assert grown <= 64 * MiB
    assert usual[1] <= max(1.2 * usual[0], 0.3)  # a busy machine alone makes single lines late
