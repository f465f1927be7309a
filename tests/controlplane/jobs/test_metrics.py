"""Curves: extremes stay, each step once, and a long one reads as fast as a short one."""

import math
import random
from typing import Any

from controlplane.jobs import metrics
from controlplane.jobs.metrics import CHUNK, Points
from controlplane.jobs.models import MetricChunk

from tests.controlplane.jobs.conftest import Team


def fill(job: int, n: int, batch: int, seed: int = 0) -> list[float]:
    rng = random.Random(seed)
    values = [rng.random() for _ in range(n)]
    for start in range(0, n, batch):
        metrics.append(job, "train/loss", Points.of((float(i), values[i], float(i)) for i in range(start, min(n, start + batch))))
    return values


def test_extremes_stay_however_few_points_are_asked(team: Team) -> None:
    job = team.job().pk
    values = fill(job, 3 * CHUNK + 100, 777)
    points = metrics.read(job, "train/loss", 50)
    assert len(points.steps) <= 50
    assert min(points.values) == min(values)
    assert max(points.values) == max(values)
    assert list(points.steps) == sorted(points.steps)


def test_all_points_come_back_when_there_is_room(team: Team) -> None:
    job = team.job().pk
    values = fill(job, 5000, 999)
    assert list(metrics.read(job, "train/loss", 20_000).values) == values


def test_a_range_is_read_finer(team: Team) -> None:
    job = team.job().pk
    values = fill(job, 40 * CHUNK, CHUNK)
    points = metrics.read(job, "train/loss", 400, low=1000, high=1199)
    assert list(points.values) == values[1000:1200]


def test_a_rewind_drops_what_is_repeated_on_every_level(team: Team) -> None:
    job = team.job().pk
    fill(job, 3 * CHUNK, CHUNK)
    metrics.append(job, "train/loss", Points.of((float(i), 5.0, 0.0) for i in range(CHUNK + 10, CHUNK + 20)))
    points = metrics.read(job, "train/loss", 10 * CHUNK)
    assert list(points.steps) == list(range(CHUNK + 20))
    assert MetricChunk.objects.filter(job_id=job, level=1).count() == 1
    assert max(metrics.read(job, "train/loss", 20).values) == 5.0


def test_a_number_that_is_none_stays_a_gap(team: Team) -> None:
    job = team.job().pk
    metrics.append(job, "k", Points.of([(1, 1.0, 1), (2, math.nan, 2), (3, math.inf, 3)]))
    known: dict[str, Any] = {}
    metrics.fold_metrics(known, "eval/loss", metrics.read(job, "k", 10))
    assert known == {"eval/loss": {"last": None, "best": 1.0, "min": 1.0, "max": 1.0, "step": 3}}
