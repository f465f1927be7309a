"""What the gateway costs: CPU and time of a prediction through it, beside a raw ASGI function that echoes the same body.

    python -m tests.benchmarks.gateway [--rounds 7] [--seconds 3] [--clients 16]

Both run under uvicorn in processes of their own; behind the gateway stands a replica that answers at once, in a third. The gateway is the
product's own with keys, rate limits (in Redis), routing, metering and the frames; only its database is a dictionary. Rounds alternate.
Prints for each: CPU microseconds of the server process per request at full load, requests a second, and p50 and p99 one at a time.
"""

import argparse
import asyncio
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil

from tests.stack import free_port

ROOT = Path(__file__).resolve().parents[2]
TOKEN = "slw_" + "b" * 43
BODY = b'{"inputs": "the room was clean and the staff was very friendly"}'
PATH = "/v1/endpoints/acme/mood"


def serve_echo(port: int) -> None:
    """The floor: an ASGI function that reads the body and sends it back."""
    import uvicorn

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            body = (await receive()).get("body", b"")
            headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            await send({"type": "http.response.body", "body": body})

    uvicorn.run(app, port=port, log_level="warning", lifespan="off", access_log=False)


def serve_gateway(port: int, replica: str) -> None:
    """The product's gateway over a dictionary instead of a database."""
    import django
    import redis.asyncio as redis
    import uvicorn

    django.setup()
    from controlplane.gateway.access import Access, digest
    from controlplane.gateway.app import Gateway
    from controlplane.gateway.book import Book
    from controlplane.gateway.state import State
    from controlplane.serving.routes import EndpointRoute, ReplicaRoute, RevisionRoute

    from workers.contract.home import redis_url

    access = Access(digest(TOKEN.encode()), 1, frozenset({"predict"}), {"acme": "viewer"})
    revision = RevisionRoute(1, 100, "clf@1", (ReplicaRoute("r1", f"unix:{replica}"),))
    route = EndpointRoute(1, "acme", "mood", "text-classification", "ready", None, None, {}, 0, False, (revision,))

    class Dictionary(Book):
        async def access(self, token_hash: str) -> Access:
            return access

        async def route(self, key: tuple[str, str]) -> EndpointRoute | None:
            return route

        async def write(self, counts: Any) -> None:
            pass

    app = Gateway(lambda: State(Dictionary(), redis.Redis.from_url(redis_url())))
    uvicorn.run(app, port=port, log_level="warning", access_log=False)


def serve_replica(path: str) -> None:
    """Answers every frame at once with a classifier's answer."""
    from workers.contract import frames

    answer = b'[[{"label":"good","score":0.9},{"label":"bad","score":0.1}]]'

    class Echo(asyncio.Protocol):
        def connection_made(self, transport: Any) -> None:
            self.transport, self.buffer = transport, bytearray()

        def data_received(self, data: bytes) -> None:
            import orjson

            self.buffer += data
            out = []
            while len(self.buffer) >= 8:
                head, body = frames.HEAD.unpack_from(self.buffer)
                if len(self.buffer) < 8 + head + body:
                    break
                number = orjson.loads(bytes(self.buffer[8 : 8 + head]))["id"]
                del self.buffer[: 8 + head + body]
                out.append(frames.pack({"id": number, "status": 200, "last": True, "type": "application/json"}, answer))
            self.transport.write(b"".join(out))

    async def run() -> None:
        server = await asyncio.get_running_loop().create_unix_server(Echo, path)
        await server.serve_forever()

    asyncio.run(run())


@contextmanager
def child(*args: str, env: dict[str, str]) -> Iterator[psutil.Process]:
    """One of the servers above in a process of its own."""
    process = subprocess.Popen([sys.executable, "-m", "tests.benchmarks.gateway", *args], cwd=ROOT, env=env)
    try:
        yield psutil.Process(process.pid)
    finally:
        process.terminate()
        process.wait(10)


async def up(port: int) -> None:
    for _ in range(200):
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.close()
            return
        except OSError:
            await asyncio.sleep(0.1)
    raise RuntimeError(f"nothing listens on {port}")


async def load(port: int, seconds: float, clients: int) -> list[float]:
    """A closed loop over kept connections; the latencies, sorted. Raises RuntimeError for any answer but 200."""
    head = f"POST {PATH} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAuthorization: Bearer {TOKEN}\r\nContent-Type: application/json\r\n"
    request = head.encode() + b"Content-Length: %d\r\n\r\n" % len(BODY) + BODY
    times: list[float] = []
    end = time.perf_counter() + seconds

    async def client() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        while (began := time.perf_counter()) < end:
            writer.write(request)
            answer = await reader.readuntil(b"\r\n\r\n")
            length = int(answer.lower().split(b"content-length:")[1].split(b"\r\n")[0])
            await reader.readexactly(length)
            if b" 200 " not in answer[:20]:
                raise RuntimeError(answer.decode())
            times.append(time.perf_counter() - began)
        writer.close()

    await asyncio.gather(*(client() for _ in range(clients)))
    return sorted(times)


async def measure(process: psutil.Process, port: int, seconds: float, clients: int) -> dict[str, float]:
    """One round: full load, then one at a time."""
    before = sum(process.cpu_times()[:2])
    many = await load(port, seconds, clients)
    cpu = sum(process.cpu_times()[:2]) - before
    alone = await load(port, seconds / 3, 1)
    return {
        "cpu µs/request": cpu / len(many) * 1e6,
        "requests/s": len(many) / seconds,
        "p50 ms alone": alone[len(alone) // 2] * 1e3,
        "p99 ms alone": alone[int(len(alone) * 0.99)] * 1e3,
        "p99 ms loaded": many[int(len(many) * 0.99)] * 1e3,
    }


async def compare(args: argparse.Namespace, home: Path, env: dict[str, str]) -> None:
    socket = str(home / "replica.sock")
    ports = {"echo": free_port(), "gateway": free_port()}
    with (
        child("--serve", "replica", "--socket", socket, env=env),
        child("--serve", "echo", "--port", str(ports["echo"]), env=env) as echo,
        child("--serve", "gateway", "--port", str(ports["gateway"]), "--socket", socket, env=env) as gateway,
    ):
        servers = {"echo": echo, "gateway": gateway}
        for port in ports.values():
            await up(port)
            await load(port, 1, args.clients)
        rounds: dict[str, list[dict[str, float]]] = {"echo": [], "gateway": []}
        for _ in range(args.rounds):
            for name, process in servers.items():
                rounds[name].append(await measure(process, ports[name], args.seconds, args.clients))
    report(rounds)


def report(rounds: dict[str, list[dict[str, float]]]) -> None:
    """Median and spread of each figure, then the tax: gateway less echo, by medians."""
    middle: dict[str, dict[str, float]] = {name: {} for name in rounds}
    for figure in rounds["echo"][0]:
        for name, found in rounds.items():
            values = [each[figure] for each in found]
            middle[name][figure] = statistics.median(values)
            print(f"{name:8} {figure:16} median {middle[name][figure]:9.2f}   min {min(values):9.2f}   max {max(values):9.2f}")
    for figure in ("cpu µs/request", "p50 ms alone", "p99 ms alone"):
        print(f"tax      {figure:16} {middle['gateway'][figure] - middle['echo'][figure]:9.2f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--clients", type=int, default=16)
    parser.add_argument("--serve", choices=["echo", "gateway", "replica"])
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--socket", default="")
    args = parser.parse_args()
    if args.serve == "echo":
        serve_echo(args.port)
    elif args.serve == "gateway":
        serve_gateway(args.port, args.socket)
    elif args.serve == "replica":
        serve_replica(args.socket)
    else:
        with tempfile.TemporaryDirectory(prefix="slw-bench-") as folder:
            run_with_redis(args, Path(folder))


def run_with_redis(args: argparse.Namespace, home: Path) -> None:
    """The comparison beside a Redis-protocol server of its own."""
    os.environ.update(SLIPWAY_HOME=str(home), DJANGO_SETTINGS_MODULE="controlplane.settings")
    sys.path[:0] = [str(ROOT / "platform")]
    from runner import broker

    from workers.contract.home import runtime_dir, secret

    env = {**os.environ, "PYTHONPATH": f"{ROOT / 'platform'}:{ROOT}"}
    valkey = subprocess.Popen(broker.command(runtime_dir(), home, secret("redis_password")), stdout=subprocess.DEVNULL)
    try:
        asyncio.run(compare(args, home, env))
    finally:
        valkey.terminate()
        valkey.wait(10)


if __name__ == "__main__":
    main()
