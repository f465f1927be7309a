"""From deploy to stop: which revision answers at each moment, and how the endpoint says it stands."""

from typing import Any

import pytest
from controlplane.errors import Problem
from controlplane.jobs.models import Job
from controlplane.serving import services
from controlplane.serving.models import Endpoint, Replica, Revision

from tests.controlplane.serving.conftest import Plane, error


@pytest.fixture
def deployed(plane: Plane) -> Endpoint:
    """An endpoint whose first revision answers."""
    endpoint = deploy(plane, plane.model()[0])
    plane.ready()
    assert plane.see().state == "ready"
    return endpoint


def deploy(plane: Plane, version: Any, **more: Any) -> Endpoint:
    return services.deploy(workspace=plane.people.alice.workspace, user=plane.people.alice.user, name="mood", model_version=version, **more)


def change(plane: Plane, **more: Any) -> Endpoint:
    return services.update(endpoint=plane.see(), user=plane.people.alice.user, **more)


def traffic() -> dict[int, int]:
    return dict(Revision.objects.exclude(traffic=0).values_list("revision", "traffic"))


def states() -> dict[int, str]:
    return dict(Revision.objects.order_by("revision").values_list("revision", "state"))


def test_a_deployed_endpoint_is_ready_once_its_replica_is(plane: Plane) -> None:
    endpoint = deploy(plane, plane.model()[0])
    assert endpoint.state == "deploying"
    assert len(plane.starting()) == 1
    job = Job.objects.get(kind="serve")
    assert job.network == "listen"
    assert job.work["replica"] == Replica.objects.get().id
    assert job.work["example"]
    plane.ready()
    assert (plane.see().state, traffic()) == ("ready", {1: 100})
    assert services.tick() == 0, "a settled endpoint costs nothing"


@pytest.mark.usefixtures("transactional_db")
def test_the_queues_reason_is_shown(plane: Plane) -> None:
    deploy(plane, plane.model()[0])
    endpoint = plane.tick()
    assert endpoint.reason is not None
    assert endpoint.reason["code"] == "no_worker"


def test_F23_a_new_version_takes_over_when_ready_and_the_old_one_drains(plane: Plane, deployed: Endpoint) -> None:
    versions = plane.see().revisions.get().model_version.model.versions.order_by("version")
    endpoint = change(plane, model_version=versions[1])
    assert endpoint.state == "deploying"
    assert traffic() == {1: 100}
    plane.ready()
    assert traffic() == {2: 100}
    assert plane.see().state == "ready"
    assert states() == {1: "draining", 2: "ready"}
    assert plane.live() == {2: 1}
    plane.tick()
    draining = Replica.objects.get(state="draining")
    assert draining.job is not None
    assert draining.job.stop == "", "gateways get a moment to let go of it"
    plane.drained()
    assert states() == {1: "stopped", 2: "ready"}
    assert plane.see().state == "ready"


def test_F22_a_version_that_cannot_load_leaves_the_old_one_answering(plane: Plane, deployed: Endpoint) -> None:
    versions = deployed.revisions.get().model_version.model.versions.order_by("version")
    change(plane, model_version=versions[1])
    plane.end(plane.starting()[0], error())
    endpoint = plane.see()
    assert (endpoint.state, traffic()) == ("degraded", {1: 100})
    assert endpoint.reason is not None
    assert endpoint.reason["code"] == "rollout_failed"
    assert "no such tensor" in endpoint.reason["message"]
    assert states() == {1: "ready", 2: "failed"}
    assert plane.live() == {1: 1}
    change(plane, model_version=versions[2])
    plane.ready()
    assert (plane.see().state, traffic()) == ("ready", {3: 100})


def test_a_first_version_that_cannot_load_fails_the_endpoint(plane: Plane) -> None:
    deploy(plane, plane.model()[0])
    plane.end(plane.starting()[0], error())
    endpoint = plane.see()
    assert endpoint.state == "failed"
    assert endpoint.error is not None
    assert endpoint.error["code"] == "load_failed"
    assert plane.tick().state == "failed"
    assert plane.starting() == []


def test_a_lost_worker_while_loading_is_tried_again(plane: Plane) -> None:
    deploy(plane, plane.model()[0])
    plane.end(plane.starting()[0], error("worker_lost", "gone"), "failed")
    assert plane.starting() == [], "not before its back-off is over"
    plane.later()
    plane.ready()
    assert plane.see().state == "ready"


def test_F21_a_crash_is_replaced_and_a_crash_loop_is_named(plane: Plane, deployed: Endpoint) -> None:
    delays = []
    for _ in range(4):
        replica = Replica.objects.get(state="ready")
        plane.end(replica, error("crashed", "signal 11"))
        revision = Revision.objects.get()
        assert revision.retry_at is not None
        ended = Replica.objects.get(pk=replica.pk).ended_at
        assert ended is not None
        delays.append(round((revision.retry_at - ended).total_seconds()))
        if len(delays) == 1:
            assert plane.see().state == "degraded"
        plane.later()
        if len(delays) < 4:
            plane.ready()
    assert delays == [1, 2, 4, 8]
    endpoint = plane.see()
    assert endpoint.state == "failed"
    assert endpoint.reason is not None
    assert (endpoint.reason["code"], endpoint.reason["message"]) == ("crash_loop", "Replicas of revision 1 keep ending: signal 11")
    plane.ready()
    assert plane.see().state == "ready"


def test_one_of_two_replicas_lost_is_degraded(plane: Plane) -> None:
    deploy(plane, plane.model()[0], replicas={"min": 2, "max": 2})
    assert len(plane.starting()) == 2
    plane.ready()
    plane.end(Replica.objects.filter(state="ready").first(), error("crashed", "signal 9"))
    endpoint = plane.see()
    assert endpoint.state == "degraded"
    assert endpoint.reason is not None
    assert endpoint.reason["code"] == "restarting"
    plane.later()
    plane.ready()
    assert plane.see().state == "ready"


def test_a_job_that_ended_unheard_is_noticed(plane: Plane, deployed: Endpoint) -> None:
    Job.objects.update(state="failed", error=error("worker_gone", "gone"))
    assert plane.tick().state == "degraded"
    plane.later()
    assert len(plane.starting()) == 1


def test_traffic_between_two_revisions(plane: Plane, deployed: Endpoint) -> None:
    versions = deployed.revisions.get().model_version.model.versions.order_by("version")
    change(plane, model_version=versions[1], traffic={"1": 90, "2": 10})
    assert traffic() == {1: 100}
    plane.ready()
    assert traffic() == {1: 90, 2: 10}
    assert plane.live() == {1: 1, 2: 1}
    change(plane, traffic={"1": 0, "2": 100})
    assert traffic() == {2: 100}
    assert plane.live() == {1: 1, 2: 1}, "one that is named keeps its replica, for a quick way back"
    change(plane, traffic={"1": 100})
    assert traffic() == {1: 100}
    assert plane.live() == {1: 1}


def test_traffic_to_a_stopped_revision_brings_it_back(plane: Plane, deployed: Endpoint) -> None:
    versions = deployed.revisions.get().model_version.model.versions.order_by("version")
    change(plane, model_version=versions[1])
    plane.ready()
    plane.drained()
    change(plane, traffic={"1": 50, "2": 50})
    assert traffic() == {2: 100}
    plane.ready()
    assert traffic() == {1: 50, 2: 50}


def test_a_newer_change_overtakes_an_older_one(plane: Plane, deployed: Endpoint) -> None:
    versions = deployed.revisions.get().model_version.model.versions.order_by("version")
    change(plane, model_version=versions[1])
    change(plane, model_version=versions[2])
    assert [replica.revision.revision for replica in plane.starting()] == [3]
    plane.ready()
    assert traffic() == {3: 100}


def test_stop_and_start(plane: Plane, deployed: Endpoint) -> None:
    endpoint = change(plane, state="stopped")
    assert endpoint.state == "stopped"
    assert plane.live() == {}
    plane.drained()
    assert states() == {1: "stopped"}
    endpoint = change(plane, state="ready")
    assert endpoint.state == "deploying"
    plane.ready()
    assert (plane.see().state, traffic()) == ("ready", {1: 100})


def test_more_and_fewer_replicas(plane: Plane, deployed: Endpoint) -> None:
    change(plane, replicas={"min": 3, "max": 3})
    assert len(plane.starting()) == 2
    plane.ready()
    assert plane.live() == {1: 3}
    change(plane, replicas={"min": 1, "max": 1})
    assert plane.live() == {1: 1}
    assert plane.see().state == "ready"


def test_a_deleted_endpoint_ends_its_replicas(plane: Plane, deployed: Endpoint) -> None:
    services.delete(endpoint=deployed)
    job = Job.objects.get(kind="serve")
    assert (job.state, job.stop) == ("cancelling", "keep")
    assert services.tick() == 0


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"traffic": {"1": 50}}, "bad_traffic"),
        ({"traffic": {"7": 100}}, "unknown_revision"),
        ({"traffic": {"x": 100}}, "unknown_revision"),
        ({"replicas": {"min": 3, "max": 2}}, "bad_replicas"),
        ({"replicas": {"min": 99}}, "bad_replicas"),
    ],
)
def test_a_bad_change_changes_nothing(plane: Plane, deployed: Endpoint, more: dict[str, Any], code: str) -> None:
    with pytest.raises(Problem) as refused:
        change(plane, **more)
    assert (refused.value.status, refused.value.code) == (422, code)
    assert (plane.see().replicas_min, traffic()) == (1, {1: 100})


def test_a_model_for_another_task_is_refused(plane: Plane, deployed: Endpoint) -> None:
    with pytest.raises(Problem) as refused:
        change(plane, model_version=plane.model("poet", task="text-generation")[0])
    assert refused.value.code == "other_task"
    assert Revision.objects.count() == 1


@pytest.mark.parametrize(
    "address",
    ["unix:/run/redis.sock", "unix:/tmp/slipway-0-0123456789/redis.sock", "tcp:80", "tcp:x", "http://10.0.0.1", "unix:../../x", ""],
)
def test_A10_a_replica_cannot_point_the_gateway_elsewhere(plane: Plane, address: str) -> None:
    deploy(plane, plane.model()[0])
    with pytest.raises(Problem):
        services.replica_ready(job=plane.starting()[0].job, data={"address": address})
