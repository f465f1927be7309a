"""What becomes of a training job's files: a version with its lineage, once, or a clear refusal."""

from typing import Any

import pytest
from controlplane import artifacts
from controlplane.errors import Problem
from controlplane.jobs.services import cancel_job
from controlplane.registry import services
from controlplane.registry.models import Model, ModelVersion

from tests.controlplane.registry.conftest import FILES, Bench
from workers.contract.events import End


def test_a_finished_job_makes_the_next_version(bench: Bench) -> None:
    job = bench.trained(versions={"torch": "2.13.0"}, card="Learned from reviews.")
    assert (job.state, job.model) == ("succeeded", "clf@1")
    version = ModelVersion.objects.get()
    assert version.state == "ready"
    assert version.task == "text-classification"
    assert version.metrics["test/accuracy"] == 0.9
    assert version.size_bytes == sum(map(len, FILES.values()))
    assert version.config["model_type"] == "bert"
    lineage = version.lineage
    assert lineage["dataset"] == "reviews@1"
    assert lineage["job"] == str(job.number)
    assert lineage["seed"] == 7
    assert lineage["params"] == {"seed": 7}
    assert lineage["recipe_version"] >= 1
    assert lineage["versions"] == {"torch": "2.13.0"}
    assert lineage["code"].startswith("0.1.0")
    assert lineage["base_model"] is None
    assert bench.trained().model == "clf@2"


def test_the_card_says_what_how_good_and_how_to_call(bench: Bench) -> None:
    bench.trained(card="Learned from | reviews.")
    card = ModelVersion.objects.get().card
    for words in ("# clf@1", "reviews@1", "`test/accuracy` | 0.9000", "curl", "Learned from | reviews."):
        assert words in card


def test_said_twice_it_is_registered_once(bench: Bench) -> None:
    job = bench.trained()
    again = services.training_ended(job=job, end=End(outcome="succeeded", result={"files": bench.store(job)}))
    assert str(again) == "clf@1"
    assert ModelVersion.objects.count() == 1


def test_a_failed_job_makes_nothing(bench: Bench) -> None:
    job = bench.end(bench.job(), "failed")
    assert (job.state, job.model) == ("failed", "")
    assert ModelVersion.objects.count() == 0


def test_a_stopped_job_keeps_its_newest_whole_checkpoint(bench: Bench) -> None:
    job = bench.job()
    bench.checkpoint(job, 10)
    bench.checkpoint(job, 20)
    bench.checkpoint(job, 30, whole=False)
    job = bench.end(cancel_job(job=job), "cancelled")
    assert (job.state, job.model) == ("cancelled", "clf@1")
    version = ModelVersion.objects.get()
    assert version.lineage["at_step"] == 20
    assert [file["name"] for file in version.files] == sorted(FILES)
    artifacts.delete_prefix(f"ws/{job.workspace_id}/jobs/{job.pk}")
    assert b"".join(artifacts.iter_bytes(version.files[1]["uri"])) == FILES["model.safetensors"], "it outlives the checkpoint"


def test_a_stopped_job_that_is_to_be_discarded_keeps_nothing(bench: Bench) -> None:
    job = bench.job()
    bench.checkpoint(job, 10)
    assert bench.end(cancel_job(job=job, keep=False), "cancelled").model == ""
    assert ModelVersion.objects.count() == 0


def test_a_checkpoint_can_be_registered(bench: Bench) -> None:
    job = bench.job()
    bench.checkpoint(job, 10)
    bench.checkpoint(job, 20, whole=False)
    version = services.register_checkpoint(job=job, step=10, user=bench.people.alice.user)
    assert str(version) == "clf@1"
    assert version.lineage["step"] == 10
    assert services.register_checkpoint(job=job, step=10, user=bench.people.alice.user) == version
    with pytest.raises(Problem) as refused:
        services.register_checkpoint(job=job, step=20, user=None)
    assert refused.value.status == 409
    with pytest.raises(Problem) as missing:
        services.register_checkpoint(job=job, step=99, user=None)
    assert missing.value.status == 404
    assert bench.end(job, files=bench.store(job)).model == "clf@2"


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"name": "pytorch_model.bin"}, "unsafe_format"),
        ({"name": "../x.json"}, "unsafe_path"),
        ({"name": "/etc/x.json"}, "unsafe_path"),
        ({"name": "a/../../x.json"}, "unsafe_path"),
        ({"uri": "ws/1/jobs/999999/1/model/config.json"}, "foreign_file"),
    ],
)
def test_A6_files_that_may_not_be_part_of_a_model_fail_the_job(bench: Bench, changed: dict[str, Any], code: str) -> None:
    job = bench.job()
    files = bench.store(job)
    job = bench.end(job, files=[{**files[0], **changed}, *files[1:]])
    assert job.state == "failed"
    assert job.error is not None
    assert job.error["code"] == code
    assert ModelVersion.objects.count() == 0


def test_numbers_are_never_given_twice(bench: Bench) -> None:
    bench.trained()
    second = bench.trained()
    services.delete_version(version=ModelVersion.objects.get(version=2))
    assert second.model == "clf@2"
    assert bench.trained().model == "clf@3"
    assert Model.objects.get().last_version == 3


def test_references(bench: Bench) -> None:
    bench.trained()
    bench.trained()
    assert str(services.find_version(bench.workspace, "clf")) == "clf@2"
    assert str(services.find_version(bench.workspace, "clf@1")) == "clf@1"
    for reference in ("clf@9", "none", "clf@0", "clf@x", "../clf", ""):
        with pytest.raises(Problem) as refused:
            services.find_version(bench.workspace, reference)
        assert refused.value.status == 422, reference
    assert len(services.ref(services.find_version(bench.workspace, "clf")).files) == len(FILES)
