"""One classifier's requests per second through our gateway, beside plain FastAPI + transformers with the same model files.

    python -m tests.benchmarks.serve_classifier [--rounds 5] [--seconds 6] [--clients 16]

Closed loop, interleaved A B A B …; both servers use one thread for the model. The answers must agree first. Prints requests a second
(median, min, max of the rounds), p50 and p99 in milliseconds, and the ratio of the medians.
"""

import argparse
import asyncio
import json
import random
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import aiohttp

from tests.stack import Api, Stack, free_port

PEER = Path(__file__).parent / "peers" / "fastapi_classifier.py"
WORDS = (
    "房间 干净 服务 很好 太差 早餐 位置 方便 价格 便宜 质量 一般 送货 很快 屏幕 清晰 电池 不耐用 "
    "书 内容 丰富 印刷 模糊 值得 推荐 后悔 失望 满意"
).split()


def texts(count: int, seed: int) -> list[str]:
    """Lengths like those of real reviews: lognormal, mean about 29 words' worth of characters."""
    rng = random.Random(seed)
    return ["，".join(rng.choices(WORDS, k=max(2, min(60, int(rng.lognormvariate(2.2, 0.7)))))) for _ in range(count)]


def train(api: Api) -> Path:
    """A small transformer from scratch, deployed; its files downloaded as anybody would."""
    rows = texts(3000, 1)
    good = {"很好", "干净", "方便", "便宜", "很快", "清晰", "丰富", "值得", "推荐", "满意"}
    body = "text,label\n" + "".join(f'"{t}",{"pos" if sum(w in t for w in good) > t.count("，") / 3 else "neg"}\n' for t in rows)
    api.dataset("bench", "bench.csv", body.encode())
    job = api.train(recipe="text-classification/finetune", dataset="bench@1", params={"epochs": 2}, model_name="bench")
    api.deploy("bench", job["model"])
    name, version = job["model"].split("@")
    folder = Path(tempfile.mkdtemp(prefix="slipway-bench-"))
    for file in api.get(f"…/models/{name}/versions/{version}/files")["items"]:
        (folder / file["name"]).parent.mkdir(parents=True, exist_ok=True)
        status, data = api.call("GET", f"…/models/{name}/versions/{version}/files/{file['name']}")
        if status != 200:
            raise RuntimeError(f"{file['name']}: {status}")
        (folder / file["name"]).write_bytes(data if isinstance(data, bytes) else json.dumps(data).encode())
    return folder


async def load(url: str, headers: dict[str, str], inputs: list[str], seconds: float, clients: int) -> tuple[float, list[float]]:
    """(requests a second, sorted latencies in seconds)."""
    times: list[float] = []
    end = time.perf_counter() + seconds

    async def client(session: aiohttp.ClientSession, offset: int) -> None:
        n = offset
        while (start := time.perf_counter()) < end:
            async with session.post(url, json={"inputs": inputs[n % len(inputs)]}, headers=headers) as answer:
                await answer.read()
                if answer.status != 200:
                    raise RuntimeError(f"{url}: {answer.status}")
            times.append(time.perf_counter() - start)
            n += clients

    async with aiohttp.ClientSession() as session:
        await asyncio.gather(*(client(session, i) for i in range(clients)))
    return len(times) / seconds, sorted(times)


async def labels(url: str, headers: dict[str, str], inputs: list[str]) -> list[str]:
    out = []
    async with aiohttp.ClientSession() as session:
        for text in inputs:
            async with session.post(url, json={"inputs": text}, headers=headers) as answer:
                body: Any = await answer.json()
                out.append(body[0][0]["label"])
    return out


def report(name: str, rates: list[float], times: list[float]) -> float:
    times = sorted(times)
    middle = statistics.median(rates)
    p50, p99 = times[len(times) // 2] * 1000, times[int(len(times) * 0.99)] * 1000
    print(f"{name}: {middle:.0f} requests/s (min {min(rates):.0f}, max {max(rates):.0f}), p50 {p50:.1f} ms, p99 {p99:.1f} ms")
    return middle


def compare(ours: str, headers: dict[str, str], peer: str, options: argparse.Namespace) -> None:
    sample = texts(200, 7)
    agree = [a == b for a, b in zip(*(asyncio.run(labels(*side, sample)) for side in ((ours, headers), (peer, {}))), strict=True)]
    if sum(agree) / len(agree) < 0.995:
        raise RuntimeError(f"only {sum(agree)} of {len(agree)} answers agree")
    inputs = texts(2000, 3)
    rates: tuple[list[float], list[float]] = ([], [])
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(options.rounds):
        for i, (url, sent) in enumerate(((ours, headers), (peer, {}))):
            rate, latencies = asyncio.run(load(url, sent, inputs, options.seconds, options.clients))
            rates[i].append(rate)
            times[i].extend(latencies)
    ratio = report("slipway", rates[0], times[0]) / report("fastapi + transformers", rates[1], times[1])
    print(f"ratio of medians: {ratio:.2f}, answers agree on {sum(agree)} of {len(agree)}")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=6)
    parser.add_argument("--clients", type=int, default=16)
    options = parser.parse_args()
    stack = Stack().start()
    try:
        api = stack.client()
        folder, port = train(api), free_port()
        peer = subprocess.Popen([sys.executable, str(PEER), str(folder), str(port), "1"])
        try:
            url = f"http://127.0.0.1:{port}/predict"
            until_answers(url)
            compare(f"{api.base}/v1/endpoints/{api.workspace}/bench", {"Authorization": f"Bearer {api.token}"}, url, options)
        finally:
            peer.terminate()
    finally:
        stack.stop()


def until_answers(url: str) -> None:
    for _ in range(120):
        try:
            asyncio.run(labels(url, {}, ["很好"]))
            return
        except aiohttp.ClientError:
            time.sleep(0.5)
    raise RuntimeError("the peer did not start")


if __name__ == "__main__":
    main()
