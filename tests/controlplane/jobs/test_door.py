"""The movement of an attempt through the workers' door: claim, report, lease, end, and everything that may arrive twice or late."""

from datetime import timedelta

import orjson
import pytest
from controlplane import outcomes
from controlplane.audit.models import AuditEvent
from controlplane.errors import Problem
from controlplane.jobs import leases, scheduler, services, store
from controlplane.jobs.models import Allocation, Job
from controlplane.workspaces.services import delete_workspace
from django.utils import timezone

from tests.controlplane.jobs.conftest import Host, Team, log_event, metric_event, place


def started(team: Team, host: Host) -> tuple[Job, Allocation, str]:
    job = team.job()
    allocation = place(job)
    status, claimed = host.claim(allocation)
    assert status == 200
    job.refresh_from_db()
    assert job.state == "running"
    return job, allocation, claimed["token"]


def expire(allocation: Allocation) -> None:
    Allocation.objects.filter(pk=allocation.pk).update(lease_until=timezone.now() - timedelta(seconds=1))


def test_it_grants_a_place_as_soon_as_the_job_is_there(team: Team, host: Host) -> None:
    job = team.job()
    assert job.state == "starting"
    assert place(job).worker.name == "alpha"


def test_it_says_why_a_job_waits_when_no_worker_is_online(team: Team) -> None:
    job = team.job()
    assert (job.state, job.reason["code"]) == ("queued", "no_worker")


def test_F18_the_first_claim_wins_and_copies_get_409(team: Team, host: Host) -> None:
    job = team.job()
    answers = [host.claim(place(job)) for _ in range(3)]
    assert [status for status, _ in answers] == [200, 409, 409]
    assert answers[0][1]["order"]["attempt"] == 1
    assert job.attempts.count() == 1


def test_the_audit_log_names_the_platform_for_what_workers_report(host: Host) -> None:
    joined = AuditEvent.objects.get(action="worker.join")
    assert (joined.actor, joined.actor_id) == ("slipway", None)


def test_another_hosts_allocation_is_not_found(team: Team, host: Host) -> None:
    other = Host(name="beta").join()
    job = team.job()
    owner = place(job).worker.name
    stranger = other if owner == "alpha" else host
    assert stranger.claim(place(job))[0] == 404


def test_a_wrong_join_token_and_an_unknown_contract_are_refused(team: Team, host: Host) -> None:
    body = {"name": "x", "contract": 99, "devices": [], "cpus": 1, "memory_bytes": 1}
    assert host.post("join", body, "guess")[0] == 401
    assert host.post(f"allocations/{place(team.job()).pk}/claim", {"contract": 99}, host.token)[1]["code"] == "contract_version"


def test_events_get_cursors_without_gap_and_replays_do_no_harm(team: Team, host: Host) -> None:
    job, allocation, token = started(team, host)
    before = store.read_events(job.pk, after=0)[-1][0]
    batch = {"rank": 0, "events": [log_event(i, f"line {i}") for i in range(1, 6)]}
    for _ in range(3):
        status, desired = host.attempt(allocation, token, "events", batch)
        assert (status, desired["acked"]) == (200, 5)
    more = {"rank": 0, "events": [log_event(i, f"line {i}") for i in range(4, 9)]}
    assert host.attempt(allocation, token, "events", more)[1]["acked"] == 8
    frames = store.read_events(job.pk, after=before)
    assert [cursor for cursor, _ in frames] == list(range(before + 1, before + 9))
    lines = [orjson.loads(frame)["data"] for _, frame in frames]
    assert [d["text"] for d in lines] == [f"line {i}" for i in range(1, 9)]
    assert [d["line"] for d in lines] == list(range(1, 9))


def test_a_gap_in_the_sequence_is_refused(team: Team, host: Host) -> None:
    _, allocation, token = started(team, host)
    status, answer = host.attempt(allocation, token, "events", {"events": [log_event(3, "too early")]})
    assert (status, answer["code"]) == (409, "gap")


def test_a_lost_lease_gives_a_new_attempt_and_a_stale_token_gets_409(team: Team, host: Host) -> None:
    job, allocation, token = started(team, host)
    expire(allocation)
    assert [a.pk for a in leases.overdue()] == [allocation.attempt_id]
    outcomes.attempt_lost(leases.overdue()[0])
    job.refresh_from_db()
    assert job.state == "starting"
    assert place(job).attempt.number == 2
    for what, body in (("heartbeat", {}), ("events", {"events": [log_event(1, "late")]}), ("end", {"outcome": "succeeded"})):
        status, answer = host.attempt(allocation, token, what, body)
        assert (status, answer["code"]) == (409, "stale_attempt")
    assert host.claim(place(job))[1]["order"]["attempt"] == 2


def test_a_late_heartbeat_revives_the_lease_while_no_newer_attempt_is_granted(team: Team, host: Host) -> None:
    job, allocation, token = started(team, host)
    allocation.worker.draining = True
    allocation.worker.save()
    outcomes.attempt_lost(allocation.attempt)
    job.refresh_from_db()
    assert job.state == "queued"
    assert host.attempt(allocation, token, "heartbeat", {})[0] == 200
    job.refresh_from_db()
    assert (job.state, job.restarts, job.attempts.count()) == ("running", 0, 1)


def test_a_child_killed_from_outside_is_tried_again_three_times(team: Team, host: Host) -> None:
    job = team.job()
    for number in range(1, 5):
        allocation = place(job)
        status, claimed = host.claim(allocation)
        assert (status, claimed["order"]["attempt"]) == (200, number)
        error = {"code": "killed", "message": "signal 9"}
        assert host.attempt(allocation, claimed["token"], "end", {"outcome": "lost", "error": error})[0] == 200
        job.refresh_from_db()
    assert (job.state, job.error["code"]) == ("failed", "killed")


def test_a_failure_of_its_own_is_not_tried_again_and_the_end_may_be_said_twice(team: Team, host: Host) -> None:
    job, allocation, token = started(team, host)
    end = {"outcome": "failed", "error": {"code": "out_of_memory", "message": "peak 900 MB", "hint": "smaller batch size", "loc": {}}}
    assert [host.attempt(allocation, token, "end", end)[0] for _ in range(2)] == [200, 200]
    job.refresh_from_db()
    assert (job.state, job.error["code"], job.attempts.count()) == ("failed", "out_of_memory", 1)
    assert place(job).released_at is not None


def test_F7_what_is_granted_and_unclaimed_is_hinted_again(team: Team, host: Host) -> None:
    job = team.job()
    assert leases.resend() == 0
    Allocation.objects.update(hinted_at=timezone.now() - timedelta(seconds=11))
    assert leases.resend() == 1
    assert leases.resend() == 0
    assert host.claim(place(job))[0] == 200


def test_a_place_on_a_host_that_went_away_is_taken_back(team: Team, host: Host) -> None:
    job = team.job()
    allocation = place(job)
    Allocation.objects.update(hinted_at=timezone.now() - timedelta(seconds=11))
    allocation.worker.__class__.objects.update(seen_at=timezone.now() - timedelta(seconds=60))
    leases.resend()
    job.refresh_from_db()
    assert (job.state, job.reason["code"]) == ("queued", "no_worker")
    assert host.claim(allocation)[0] == 409


def test_stopping_asks_the_child_first_and_its_word_ends_the_job(team: Team, host: Host) -> None:
    job, allocation, token = started(team, host)
    services.cancel_job(job=job, keep=True)
    assert host.attempt(allocation, token, "heartbeat", {})[1]["stop"] == "keep"
    Job.objects.update(stop_asked_at=timezone.now() - timedelta(seconds=120))
    assert host.attempt(allocation, token, "heartbeat", {})[1]["stop"] == "kill"
    host.attempt(allocation, token, "end", {"outcome": "cancelled"})
    job.refresh_from_db()
    assert job.state == "cancelled"


def test_a_queued_job_is_stopped_at_once(team: Team) -> None:
    job = services.cancel_job(job=team.job())
    assert job.state == "cancelled"
    assert outcomes.settle_all() == 1
    assert outcomes.settle_all() == 0


def test_F1_the_curve_has_each_step_once_after_a_restart(team: Team, host: Host) -> None:
    job, allocation, token = started(team, host)
    host.attempt(allocation, token, "events", {"events": [metric_event(i, i, train__loss=1 / i) for i in range(1, 11)]})
    outcomes.attempt_lost(allocation.attempt)
    second = place(job)
    token = host.claim(second)[1]["token"]
    host.attempt(second, token, "events", {"events": [metric_event(i, i + 6, train__loss=9.0) for i in range(1, 9)]})
    from controlplane.jobs import metrics

    points = metrics.read(job.pk, "train/loss", 1000)
    assert list(points.steps) == list(range(1, 15))
    assert points.values[6] == 9.0


def test_only_a_share_of_all_leases_is_taken_in_one_look(team: Team, host: Host) -> None:
    for number in range(10):
        Host(name=f"w{number}").join()
    jobs = [team.job() for _ in range(10)]
    for job in jobs:
        allocation = place(job)
        leases.claim(allocation_id=allocation.pk, worker=allocation.worker)
        expire(allocation)
    assert len(leases.overdue()) == 2


def test_a_host_never_gets_more_than_it_has_room_for(team: Team, host: Host) -> None:
    jobs = [team.job(kind="evaluate") for _ in range(5)]
    scheduler.schedule()
    states = [Job.objects.get(pk=job.pk).state for job in jobs]
    assert states == ["starting"] * scheduler.LIGHT_SLOTS + ["queued"] * (5 - scheduler.LIGHT_SLOTS)


def test_files_can_only_be_stored_below_the_own_attempt(team: Team, host: Host) -> None:
    _, allocation, token = started(team, host)
    file = {"name": "../../../secrets/key", "uri": "", "size": 1}
    assert host.attempt(allocation, token, "uploads", {"folder": "model", "files": [file]})[0] in (400, 422)
    assert host.attempt(allocation, token, "uploads", {"folder": "../model", "files": []})[0] == 422
    assert host.attempt(allocation, token, "renew", {"uris": ["ws/1/uploads/other"]})[0] == 404


def test_a_workspace_with_unfinished_jobs_is_not_deleted(team: Team, host: Host) -> None:
    job = team.job()
    with pytest.raises(Problem) as caught:
        delete_workspace(workspace=team.workspace)
    assert (caught.value.status, f"job #{job.number}" in caught.value.detail) == (409, True)
    claimed = host.claim(place(job))[1]
    host.attempt(place(job), claimed["token"], "end", {"outcome": "succeeded"})
    delete_workspace(workspace=team.workspace)
    assert not Job.objects.filter(pk=job.pk).exists()
