"""What was used, counted in memory and added to the database each second; a crash loses a second at most."""

import logging
import re
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from time import time
from typing import Any

from django.db import transaction

from controlplane.serving.histogram import bucket, merge
from controlplane.serving.models import Endpoint, UsageHour, UsageMinute

log = logging.getLogger(__name__)
CODES = 20  # different ones of one minute
_CODE = re.compile(r"[a-z0-9_]{1,40}")
Key = tuple[int, int, int]  # endpoint, revision (0: none was reached), minute since the epoch


@dataclass(slots=True)
class Counts:
    """One minute of one revision. rejected: 429 and 503; errors: every other answer of 400 and above; codes: of both."""

    requests: int = 0
    errors: int = 0
    rejected: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    latency: Counter[int] = field(default_factory=Counter)
    first_token: Counter[int] = field(default_factory=Counter)
    codes: Counter[str] = field(default_factory=Counter)

    def add(self, other: "Counts") -> None:
        for name in ("requests", "errors", "rejected", "input_tokens", "output_tokens"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.latency.update(other.latency)
        self.first_token.update(other.first_token)
        self.codes.update(other.codes)


class Meter:
    """Counts of this process that are not in the database yet."""

    def __init__(self) -> None:
        self._counts: dict[Key, Counts] = {}

    def count(
        self,
        endpoint: int,
        revision: int,
        status: int,
        seconds: float,
        usage: dict[str, Any] | None = None,
        first: float | None = None,
        code: str = "",
    ) -> None:
        """One answered request. seconds: from its arrival to the last byte · first: to the first piece of a stream · usage: tokens ·
        code: of the problem it was answered with."""
        key = (endpoint, revision, int(time()) // 60)
        counts = self._counts.get(key)
        if counts is None:
            counts = self._counts[key] = Counts()
        counts.requests += 1
        if status >= 400:
            counts.codes[_bounded(code or str(status), counts.codes)] += 1
        if status in (429, 503):
            counts.rejected += 1
            return
        if status >= 400:
            counts.errors += 1
        counts.latency[bucket(seconds)] += 1
        if first is not None:
            counts.first_token[bucket(first)] += 1
        if usage:
            counts.input_tokens += int(usage.get("input_tokens") or 0)
            counts.output_tokens += int(usage.get("output_tokens") or 0)

    def take(self) -> dict[Key, Counts]:
        taken, self._counts = self._counts, {}
        return taken

    def put_back(self, counts: dict[Key, Counts]) -> None:
        """The database was away: keep them for the next time."""
        for key, value in counts.items():
            value.add(self._counts.pop(key, Counts()))
            self._counts[key] = value


def _bounded(code: str, known: Counter[str]) -> str:
    """The code, or `other`: a replica names codes of its own, and what they take is bounded."""
    return code if code in known or (len(known) < CODES and _CODE.fullmatch(code)) else "other"


def write(counts: dict[Key, Counts]) -> None:
    """Add counts to the database, in one transaction. Those of endpoints that are gone are dropped."""
    alive = set(Endpoint.objects.filter(pk__in={endpoint for endpoint, _, _ in counts}).values_list("pk", flat=True))
    with transaction.atomic():
        for (endpoint, revision, minute), more in sorted(counts.items()):
            if endpoint in alive:
                _add(endpoint, revision, datetime.fromtimestamp(minute * 60, UTC), more)


def _add(endpoint: int, revision: int, minute: datetime, more: Counts) -> None:
    """To the minute and to its hour."""
    _add_to(UsageMinute, {"endpoint_id": endpoint, "revision": revision, "minute": minute}, more)
    _add_to(UsageHour, {"endpoint_id": endpoint, "revision": revision, "hour": minute.replace(minute=0)}, more)


def _add_to(table: type[UsageMinute] | type[UsageHour], which: dict[str, Any], more: Counts) -> None:
    table.objects.get_or_create(**which)
    row = table.objects.select_for_update().get(**which)
    for name in ("requests", "errors", "rejected", "input_tokens", "output_tokens"):
        setattr(row, name, getattr(row, name) + getattr(more, name))
    row.latency = merge([row.latency, {str(key): count for key, count in more.latency.items()}])
    row.first_token = merge([row.first_token, {str(key): count for key, count in more.first_token.items()}])
    row.codes = merge([row.codes, more.codes])
    row.save()
