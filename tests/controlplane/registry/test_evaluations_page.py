"""The page of all evaluations, and what keeps a job from being deleted."""

from typing import Any

import pytest
from controlplane.jobs.models import Job
from controlplane.registry.models import Evaluation, Model, ModelVersion

from tests.controlplane.jobs.rows import job_rows
from tests.people import People

pytestmark = pytest.mark.django_db


@pytest.fixture
def version(people: People) -> ModelVersion:
    job = job_rows(people.alice.workspace, people.alice.user, 1)[0]
    model = Model.objects.create(workspace=people.alice.workspace, name="reviews-clf", task="text-classification")
    recipe = "text-classification/finetune"
    return ModelVersion.objects.create(model=model, version=2, state="ready", job=job, task=model.task, recipe=recipe)


def measured(version: ModelVersion, dataset: str, **more: Any) -> Evaluation:
    fields = {"state": "ready", "metrics": {"test/loss": 0.21, "test/accuracy": 0.914}} | more
    return Evaluation.objects.create(version=version, dataset=dataset, **fields)


def test_it_lists_and_filters_the_evaluations_of_the_workspace(people: People, version: ModelVersion) -> None:
    measured(version, "reviews@1")
    measured(version, "orders@3", state="failed", metrics={}, error={"message": "No such column."})
    page = people.alice.in_browser()
    text = page.get("/w/acme/evaluations").body.decode()
    assert text.index("orders@3") < text.index("reviews@1")
    assert "0.914" in text
    assert "No such column." in text
    assert "orders@3" not in page.get("/w/acme/evaluations?state=ready").body.decode()
    assert "reviews@1" not in page.get("/w/acme/evaluations?q=orders").body.decode()
    assert "No evaluation matches" in page.get("/w/acme/evaluations?model=other@1").body.decode()
    assert "0.914" not in people.bob.in_browser().get("/w/bobs/evaluations").body.decode()


def test_a_jobs_evaluation_tab_shows_how_its_model_does(people: People, version: ModelVersion) -> None:
    measured(version, "reviews@1")
    text = people.alice.in_browser().get("/w/acme/jobs/1/evaluation").body.decode()
    assert "reviews-clf v2" in text
    assert "reviews@1" in text


def test_the_job_a_model_came_from_is_not_deleted_before_it(people: People, version: ModelVersion) -> None:
    answer = people.alice.delete("…/jobs/1")
    assert (answer.status, answer.code) == (409, "in_use")
    assert "reviews-clf@2" in answer.body["detail"]
    version.delete()
    assert people.alice.delete("…/jobs/1").status == 204
    assert not Job.objects.exists()
