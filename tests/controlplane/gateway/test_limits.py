"""Rate limits, and what is counted."""

import asyncio
import threading
import time
from collections import Counter
from typing import Any

import pytest
import redis.asyncio as redis
from controlplane import dispatch
from controlplane.errors import Problem
from controlplane.gateway.meter import Meter, write
from controlplane.gateway.rates import Rates
from controlplane.serving import scaling
from controlplane.serving.histogram import bucket, percentiles
from controlplane.serving.models import UsageMinute

from tests.controlplane.gateway.door import Door
from workers.contract.home import redis_url


def test_I61_over_the_limit_is_429(field: Any, door: Door, as_person: Any, people: Any) -> None:
    field.endpoint(limits={"requests_per_minute": 5})
    answers = [door.predict("x") for _ in range(8)]
    assert [answer.status for answer in answers] == [200] * 5 + [429] * 3
    assert [answer.headers["x-ratelimit-remaining"] for answer in answers[:5]] == ["4", "3", "2", "1", "0"]
    refused = answers[-1]
    assert refused.code == "rate_limited"
    assert 1 <= int(refused.headers["retry-after"]) <= 61
    assert refused.headers["x-ratelimit-limit"] == "5"
    assert as_person(people.charlie.token).predict("x").status == 200, "the limit is each token's own"


async def test_the_limit_holds_across_processes() -> None:
    clients = [redis.Redis.from_url(redis_url()) for _ in range(2)]
    both = [Rates(client) for client in clients]
    key, limit = f"test:{time.time()}", 1000

    async def spend(rates: Rates) -> int:
        passed = 0
        for _ in range(1500):
            try:
                await rates.spend(key, limit)
                passed += 1
            except Problem:
                pass
        return passed

    passed = sum(await asyncio.gather(*(spend(rates) for rates in both)))
    assert limit * 0.99 <= passed <= limit
    for client in clients:
        await client.aclose()


async def test_without_redis_each_process_counts_for_itself() -> None:
    client = redis.Redis(unix_socket_path="/nonexistent/redis.sock")
    rates = Rates(client)
    for _ in range(10):
        await rates.spend("k", 10)
    with pytest.raises(Problem) as refused:
        await rates.spend("k", 10)
    assert refused.value.status == 429


def test_use_is_written_down_within_a_second_or_two(field: Any, door: Door) -> None:
    endpoint = field.endpoint()
    threads = [threading.Thread(target=lambda: [door.predict("x") for _ in range(10)]) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    door.predict("status:500")
    door.predict("status:429")
    end = time.monotonic() + 4
    totals: Counter[str] = Counter()
    while totals["requests"] < 32 and time.monotonic() < end:
        time.sleep(0.1)
        totals = Counter()
        for row in UsageMinute.objects.filter(endpoint=endpoint, revision=1):
            for name in ("requests", "errors", "rejected", "output_tokens"):
                totals[name] += getattr(row, name)
            totals["latencies"] += sum(row.latency.values())
    assert totals == {"requests": 32, "errors": 1, "rejected": 1, "output_tokens": 60, "latencies": 31}


def test_counts_of_an_endpoint_that_is_gone_are_dropped(field: Any) -> None:
    endpoint = field.endpoint()
    meter = Meter()
    meter.count(endpoint.pk, 1, 200, 0.01)
    meter.count(10**9, 1, 200, 0.01)
    write(meter.take())
    assert UsageMinute.objects.get().requests == 1


def test_a_percentile_is_right_to_five_percent() -> None:
    values = [0.0005 * 1.01**step for step in range(1000)]
    counts = Counter(str(bucket(value)) for value in values)
    for fraction in (0.1, 0.5, 0.9, 0.99):
        assert percentiles(counts, [fraction])[0] == pytest.approx(sorted(values)[int(fraction * 1000) - 1], rel=0.06)
    assert percentiles({}, [0.5]) == [None]


def test_the_gateway_says_how_busy_it_is(field: Any, door: Any) -> None:
    busy = field.endpoint(replicas_max=3)
    dispatch.client().delete(scaling.BUSY)
    threads = [threading.Thread(target=door.predict, args=("slow:1.5",)) for _ in range(5)]
    for thread in threads:
        thread.start()
    seen = 0
    end = time.monotonic() + 4
    while seen < 5 and time.monotonic() < end:
        seen = max(seen, (scaling.read_busy() or {}).get(busy.pk, 0))
        time.sleep(0.05)
    for thread in threads:
        thread.join()
    assert seen == 5
