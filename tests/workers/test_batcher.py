"""What is computed together: properties of `choose`, and the compute thread with fast and slow predictors."""

import random
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from workers.contract.recipe import Item
from workers.replica.batcher import FILL, SMALLEST, Batcher, Cancelled, End, Entry, Overdue, choose


def entry(size: int, deadline: float = 1e9, arrived: float | None = None, **extra: Any) -> Entry:
    made = Entry(Item("x", size, {}), deadline, object(), lambda *_: None, **extra)
    if arrived is not None:
        made.arrived = arrived
    return made


@pytest.mark.parametrize("seed", range(40))
def test_choose_keeps_its_invariants(seed: int) -> None:
    chance = random.Random(seed)
    tokens = chance.choice([64, 512, 4096])
    waiting = sorted(
        (entry(int(chance.lognormvariate(3, 1)) + 1, chance.random() * 50) for _ in range(chance.randint(1, 200))), key=lambda e: e.size
    )
    left = list(waiting)
    while left:
        batch = choose(left, tokens)
        sizes = [max(one.item.size, SMALLEST) for one in batch]
        assert min(left, key=lambda one: one.urgency).urgency in [one.urgency for one in batch]
        assert len(batch) == 1 or len(batch) * max(sizes) <= tokens
        assert sum(sizes) >= FILL * len(batch) * max(sizes)
        left = [one for one in left if one not in batch]


def test_the_oldest_is_not_starved_by_tight_deadlines() -> None:
    now = time.monotonic()
    patient = entry(400, deadline=now + 60, arrived=now - 3)
    hasty = [entry(20, deadline=now + 0.5, arrived=now) for _ in range(50)]
    assert patient in choose(sorted([*hasty, patient], key=lambda one: one.size), 512)


class Model:
    """Sleeps, remembers batches, fails on the value "bad"."""

    def __init__(self, seconds: float = 0.0) -> None:
        self.seconds, self.batches = seconds, []

    def predict(self, items: list[Item]) -> list[Any]:
        self.batches.append([item.value for item in items])
        time.sleep(self.seconds)
        if any(item.value == "bad" for item in items):
            raise ValueError("bad value")
        return [item.value for item in items]

    def stream(self, item: Item) -> Iterator[str]:
        for index in range(item.options.get("pieces", 3)):
            if item.value == "bad" and index == 1:
                raise ValueError("bad value")
            time.sleep(self.seconds)
            yield f"{item.value}{index}"


class Collected:
    """Outcomes by value, with a way to wait for so many."""

    def __init__(self) -> None:
        self.got: list[tuple[Any, Any]] = []
        self.changed = threading.Condition()

    def __call__(self, entry: Entry, outcome: Any) -> None:
        with self.changed:
            self.got.append((entry.item.value, outcome))
            self.changed.notify_all()

    def wait(self, count: int) -> list[tuple[Any, Any]]:
        with self.changed:
            assert self.changed.wait_for(lambda: len(self.got) >= count, 5), self.got
        return self.got


@pytest.fixture
def run_batcher() -> Iterator[Any]:
    made: list[Batcher] = []

    def start(model: Model, tokens: int = 4096) -> Batcher:
        batcher = Batcher(model, tokens)  # type: ignore[arg-type]
        batcher.start()
        made.append(batcher)
        return batcher

    yield start
    for batcher in made:
        batcher.close()
        batcher.join(5)
        assert not batcher.is_alive()


def one(
    value: Any,
    collected: Collected,
    *,
    seconds: float = 60,
    lane: object | None = None,
    stream: bool = False,
    size: int = 20,
    **options: Any,
) -> Entry:
    return Entry(Item(value, size, options), time.monotonic() + seconds, lane or object(), collected, stream)


def becomes_idle(batcher: Batcher) -> bool:
    """Within a second."""
    end = time.monotonic() + 1
    while not batcher.idle and time.monotonic() < end:
        time.sleep(0.01)
    return batcher.idle


def test_nothing_waits_while_idle(run_batcher: Any) -> None:
    collected, batcher = Collected(), run_batcher(Model())
    begun = time.monotonic()
    batcher.put([one("a", collected)])
    assert collected.wait(1) == [("a", "a")]
    assert time.monotonic() - begun < 0.05


def test_what_comes_meanwhile_goes_together(run_batcher: Any) -> None:
    model, collected = Model(0.1), Collected()
    batcher = run_batcher(model)
    batcher.put([one("first", collected)])
    time.sleep(0.03)
    for index in range(10):
        batcher.put([one(index, collected)])
    collected.wait(11)
    assert [len(batch) for batch in model.batches] == [1, 10]


def test_one_bad_row_does_not_fail_its_neighbours(run_batcher: Any) -> None:
    collected = Collected()
    run_batcher(Model()).put([one(value, collected) for value in ("a", "bad", "b")])
    got = dict(collected.wait(3))
    assert (got["a"], got["b"]) == ("a", "b")
    assert isinstance(got["bad"], ValueError)


def test_overdue_is_not_computed(run_batcher: Any) -> None:
    model, collected = Model(0.2), Collected()
    batcher = run_batcher(model)
    batcher.put([one("slow", collected)])
    time.sleep(0.05)
    batcher.put([one("late", collected, seconds=0.05)])
    got = dict(collected.wait(2))
    assert isinstance(got["late"], Overdue)
    assert ["late"] not in model.batches


def test_B19_a_dropped_stream_frees_its_place_at_once(run_batcher: Any) -> None:
    collected, batcher, lane = Collected(), run_batcher(Model(0.02)), object()
    batcher.put([one("s", collected, lane=lane, stream=True, pieces=10_000)])
    collected.wait(3)
    batcher.drop(lane)
    assert becomes_idle(batcher)
    assert isinstance(collected.got[-1][1], Cancelled)


def test_streams_take_turns_and_requests_come_between(run_batcher: Any) -> None:
    collected, batcher = Collected(), run_batcher(Model(0.01))
    batcher.put([one("x", collected, stream=True, pieces=30), one("y", collected, stream=True, pieces=30)])
    collected.wait(8)
    batcher.put([one("p", collected)])
    got = collected.wait(63)
    order = [value for value, _ in got]
    assert order.index("p") < 20
    assert sum(isinstance(outcome, End) for _, outcome in got) == 2
    pieces = [outcome for value, outcome in got if value == "x" and isinstance(outcome, str)]
    assert pieces == [f"x{index}" for index in range(30)]


def test_a_failing_stream_ends_alone(run_batcher: Any) -> None:
    collected = Collected()
    run_batcher(Model()).put([one("bad", collected, stream=True), one("good", collected, stream=True)])
    got = collected.wait(6)
    assert any(isinstance(outcome, ValueError) for value, outcome in got if value == "bad")
    assert any(isinstance(outcome, End) for value, outcome in got if value == "good")


def test_whole_answers_of_a_generator_take_turns_with_streams(run_batcher: Any) -> None:
    class Writer(Model):
        def collect(self, item: Item, text: str, about: dict[str, Any]) -> str:
            return f"<{text}>"

    collected, batcher = Collected(), run_batcher(Writer(0.01))
    batcher.put([one("long", collected, pieces=40), one("s", collected, stream=True, pieces=5), one("w", collected, pieces=2)])
    got = collected.wait(8)
    assert [value for value, _ in got][-1] == "long"
    assert dict(got)["w"] == "<w0w1>"
    assert dict(got)["long"].startswith("<long0long1")


def test_B19_a_whole_answer_nobody_waits_for_is_given_up(run_batcher: Any) -> None:
    class Writer(Model):
        def collect(self, item: Item, text: str, about: dict[str, Any]) -> str:
            return text

    collected, batcher, lane = Collected(), run_batcher(Writer(0.02)), object()
    batcher.put([one("x", collected, lane=lane, pieces=10_000)])
    time.sleep(0.1)
    batcher.drop(lane)
    assert isinstance(collected.wait(1)[0][1], Cancelled)
    assert becomes_idle(batcher)
