"""Parallel coordinates as lines to draw: one axis per setting that differs, the metric last, one line per job."""

from typing import Any, NamedTuple

from controlplane.frame.figures import figure
from controlplane.training.compare import Row

HEIGHT, TOP, BOTTOM, STEP, EDGE = 340, 44, 24, 150, 90
AXES = 8
TICKS = 9  # words an axis names at most


class Axis(NamedTuple):
    """ticks: (y, words), from top to bottom."""

    name: str
    x: int
    ticks: list[tuple[float, str]]


class Drawing(NamedTuple):
    """lines: per job its path, broken where a value is missing, and its points."""

    width: int
    height: int
    axes: list[Axis]
    lines: list[tuple[str, list[tuple[float, float]]]]
    top: int = TOP
    bottom: int = HEIGHT - BOTTOM


def draw(rows: list[Row], metric: Row | None) -> Drawing | None:
    """None when nothing differs or no figure is there yet."""
    chosen = [row for row in rows if row.differs][:AXES]
    if metric is None or not chosen:
        return None
    columns = [*chosen, metric]
    axes, places = [], []
    for index, row in enumerate(columns):
        x = EDGE + index * STEP
        ticks, heights = _axis([cell.raw for cell in row.cells])
        axes.append(Axis(row.name, x, ticks))
        places.append([(x, height) for height in heights])
    lines = [_line([column[job] for column in places]) for job in range(len(metric.cells))]
    return Drawing(2 * EDGE + (len(columns) - 1) * STEP, HEIGHT, axes, lines)


def _axis(values: list[Any]) -> tuple[list[tuple[float, str]], list[float | None]]:
    """Numbers by size, the largest on top; all else as words at equal distances."""
    known = [value for value in values if value is not None]
    reach = HEIGHT - TOP - BOTTOM
    if known and all(isinstance(value, int | float) and not isinstance(value, bool) for value in known):
        low, high = min(known), max(known)
        place = {value: TOP + reach * (1 - ((value - low) / (high - low) if high > low else 0.5)) for value in known}
        ticks = [(place[high], figure(high)), (place[low], figure(low))] if high > low else [(place[low], figure(low))]
        return ticks, [place.get(value) if value is not None else None for value in values]
    words = list(dict.fromkeys(str(value) for value in known))
    spots = {word: TOP + reach * (index + 0.5) / len(words) for index, word in enumerate(words)}
    ticks = [(spots[word], word if len(word) <= 16 else f"{word[:15]}…") for word in words[:TICKS]]
    return ticks, [spots[str(value)] if value is not None else None for value in values]


def _line(points: list[tuple[int, float | None]]) -> tuple[str, list[tuple[float, float]]]:
    path, pen = "", "M"
    for x, y in points:
        if y is None:
            pen = "M"
            continue
        path += f"{pen}{x} {y:.1f}"
        pen = "L"
    return path, [(x, round(y, 1)) for x, y in points if y is not None]
