"""The time of day jumps by two hours, forth and back: nobody loses a lease for it, and nobody keeps one that died."""

import time
from datetime import timedelta

import pytest
from controlplane.jobs import leases, scheduler
from controlplane.jobs.models import Allocation
from controlplane.management.commands import control
from controlplane.serving.reconcile import due
from django.utils import timezone

from tests.controlplane.jobs.conftest import Host, Team, place
from tests.controlplane.jobs.test_door import started
from tests.server import Server
from workers.contract.names import LEASE_SECONDS

HOURS = [timedelta(hours=2), timedelta(hours=-2)]


def jump(monkeypatch: pytest.MonkeyPatch, by: timedelta) -> None:
    """Set this process's time of day; the clock that is never set goes on."""
    real, clock = timezone.now, time.time
    monkeypatch.setattr(timezone, "now", lambda: real() + by)
    monkeypatch.setattr(time, "time", lambda: clock() + by.total_seconds())


@pytest.mark.parametrize("by", HOURS)
def test_F19_no_lease_is_judged_until_it_could_be_renewed(
    team: Team, host: Host, server: Server, monkeypatch: pytest.MonkeyPatch, by: timedelta
) -> None:
    monkeypatch.setenv("SLIPWAY_DOOR", server.base)
    _, allocation, token = started(team, host)
    sight = control.Sight()
    assert not sight.look()
    sight.since = time.monotonic() - LEASE_SECONDS
    assert sight.look()
    jump(monkeypatch, by)
    assert control.reap(sight) == 0
    assert sight.since is not None
    assert time.monotonic() - sight.since < LEASE_SECONDS
    assert host.attempt(allocation, token, "heartbeat", {})[0] == 200
    sight.since -= LEASE_SECONDS
    assert sight.look()
    assert control.reap(sight) == 0
    assert Allocation.objects.get(pk=allocation.pk).released_at is None


@pytest.mark.parametrize("by", HOURS)
def test_F19_a_lease_whose_holder_is_dead_ends_all_the_same(team: Team, host: Host, monkeypatch: pytest.MonkeyPatch, by: timedelta) -> None:
    _, allocation, _ = started(team, host)
    assert leases.overdue() == []
    jump(monkeypatch, by)
    assert [attempt.pk for attempt in leases.overdue()] == [allocation.attempt_id]


@pytest.mark.parametrize("by", HOURS)
def test_F19_hints_and_hosts_are_judged_by_the_new_time(team: Team, host: Host, monkeypatch: pytest.MonkeyPatch, by: timedelta) -> None:
    allocation = place(team.job())
    assert leases.unclaimed() == []
    jump(monkeypatch, by)
    assert [found.pk for found in leases.unclaimed()] == [allocation.pk]
    assert scheduler.hosts() == []  # not heard of since the jump
    host.post("workers/heartbeat", {}, host.token)
    assert [found.worker.name for found in scheduler.hosts()] == ["alpha"]


@pytest.mark.parametrize("by", HOURS)
def test_F19_what_waits_for_a_moment_does_not_wait_for_hours(monkeypatch: pytest.MonkeyPatch, by: timedelta) -> None:
    soon = timezone.now() + timedelta(seconds=4)
    assert not due(soon, 300)
    jump(monkeypatch, by)
    assert due(soon, 300)
