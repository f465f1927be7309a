"""The page of all evaluations, and what keeps a job from being deleted."""

import html
import re
from typing import Any

import pytest
from controlplane.data.models import Dataset, DatasetVersion
from controlplane.jobs.models import Job
from controlplane.registry.models import Evaluation, Model, ModelVersion

from tests.controlplane.jobs.rows import job_rows
from tests.people import Answer, People, Person

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


def test_the_form_offers_the_data_that_fits_the_chosen_model(people: People, version: ModelVersion) -> None:
    """A model of texts is not offered pictures; what it learnt from stands first."""
    texts, pictures = {"review": "text", "stars": "category"}, {"picture": "image", "kind": "category"}
    for name, features in (("reviews", texts), ("photos", pictures), ("newer", texts), ("bare", {"review": "text"})):
        dataset = Dataset.objects.create(workspace=people.alice.workspace, name=name)
        DatasetVersion.objects.create(dataset=dataset, version=1, state="ready", features=features, splits={"train": 8, "test": 2})
    known = {"dataset": "reviews@1", "columns": {"text": "review", "label": "stars"}}
    ModelVersion.objects.filter(pk=version.pk).update(lineage=known)
    looks = Model.objects.create(workspace=people.alice.workspace, name="looks", task="image-classification")
    seen = {"dataset": "photos@1", "columns": {"image": "picture", "label": "kind"}}
    recipe = "image-classification/finetune"
    ModelVersion.objects.create(model=looks, version=1, state="ready", task=looks.task, recipe=recipe, lineage=seen)
    page = people.alice.in_browser()

    def offered(text: str) -> list[str]:
        return re.findall(r'<option value="([^"]+)"', text.split('id="dataset"')[1].split("</select>")[0])

    assert offered(page.get("/w/acme/evaluations").body.decode()) == ["photos@1"], "of the newest model"
    target = {"HX-Request": "true", "HX-Request-Type": "partial", "HX-Target": "section#measure-form"}
    part = page.get("/w/acme/evaluations?measure=reviews-clf@2", **target).body.decode()
    assert offered(part) == ["reviews@1", "newer@1"]
    assert "<html" not in part
    assert offered(page.get("/w/acme/models/reviews-clf/2/predictions").body.decode()) == ["reviews@1", "bare@1", "newer@1"]
    page.http.handler.enforce_csrf_checks = False
    given = {"measure": "reviews-clf@2", "dataset": "photos@1"}
    refused = page.http.post("/w/acme/evaluations/new", given, follow=True, headers={"Accept-Language": "zh-Hans"}).content.decode()
    assert "photos@1 没有合适的列：文本、标签。请选择" in refused
    assert "These columns" not in refused


def test_a_jobs_evaluation_tab_shows_how_its_model_does(people: People, version: ModelVersion) -> None:
    measured(version, "reviews@1")
    text = people.alice.in_browser().get("/w/acme/jobs/1/evaluation").body.decode()
    assert "reviews-clf v2" in text
    assert "reviews@1" in text


def test_search_and_uses_speak_the_readers_language(people: People, version: ModelVersion) -> None:
    made = Dataset.objects.create(workspace=people.alice.workspace, name="reviews")
    DatasetVersion.objects.create(dataset=made, version=1, state="ready", splits={"test": 2})
    job_rows(people.alice.workspace, people.alice.user, 1, kind="evaluate", name="Evaluate reviews-clf@2 on reviews@1")
    reader = people.alice.in_browser()
    chinese = {"Accept-Language": "zh-Hans"}
    found = reader.get("/w/acme/search?q=reviews", **chinese).body.decode()
    assert "用 reviews@1 评测 reviews-clf@2" in found
    assert "文本分类" in found
    assert "用 reviews@1 评测 reviews-clf@2 #2" in reader.get("/w/acme/datasets/reviews/1/uses", **chinese).body.decode()


def test_the_job_a_model_came_from_is_not_deleted_before_it(people: People, version: ModelVersion) -> None:
    answer = people.alice.delete("…/jobs/1")
    assert (answer.status, answer.code) == (409, "in_use")
    assert "reviews-clf@2" in answer.body["detail"]
    version.delete()
    assert people.alice.delete("…/jobs/1").status == 204
    assert not Job.objects.exists()


def rows_again(person: Person, page: str) -> Answer:
    """What the list asks for five seconds later."""
    found = re.search(r'id="rows" hx-get="([^"]+)"', page)
    assert found
    return person.get(html.unescape(found[1]), HX_Request="true", HX_Request_Type="partial", HX_Target="div#rows")


def test_the_list_answers_nothing_while_nothing_changed_and_new_rows_wait(people: People, version: ModelVersion) -> None:
    first = measured(version, "reviews@1", state="running", metrics={})
    reader = people.alice.in_browser()
    page = reader.get("/w/acme/evaluations").body.decode()
    assert rows_again(reader, page).status == 204
    Evaluation.objects.filter(pk=first.pk).update(state="ready", metrics={"test/accuracy": 0.914})
    changed = rows_again(reader, page)
    assert changed.status == 200
    assert "0.914" in changed.body.decode()
    assert rows_again(reader, changed.body.decode()).status == 204
    measured(version, "orders@3")
    waiting = rows_again(reader, changed.body.decode()).body.decode()
    assert "1 new evaluation, show" in waiting
    assert "orders@3" not in waiting
    assert rows_again(reader, waiting).status == 204
    assert "orders@3" in reader.get("/w/acme/evaluations").body.decode()


@pytest.mark.parametrize("work", ["evaluate", "predict"])
def test_a_form_starts_work_or_says_why_not(work: str, people: People, version: ModelVersion) -> None:
    person = people.charlie.in_browser()
    person.http.handler.enforce_csrf_checks = False
    dataset = Dataset.objects.create(workspace=people.alice.workspace, name="reviews")
    fields: Any = {"columns": ["text", "label"], "features": {"text": "text", "label": "category"}, "splits": {"test": 3}}
    DatasetVersion.objects.create(dataset=dataset, version=1, state="ready", **fields, shards={"test": []})
    base = "/w/acme/models/reviews-clf/2"
    started = person.http.post(f"{base}/{work}", {"dataset": "reviews@1"})
    job = Job.objects.order_by("-number")[0]
    assert (started.status_code, started["Location"], job.kind) == (302, f"/w/acme/jobs/{job.number}", work)
    refused = person.http.post(f"{base}/{work}", {"dataset": "reviews@1", "split": "none"}, follow=True)
    assert "has no rows in the split" in refused.content.decode()
    assert refused.redirect_chain[-1][0] == f"{base}/{'report' if work == 'evaluate' else 'predictions'}"
    viewer = people.member("vera", "viewer").in_browser()
    viewer.http.handler.enforce_csrf_checks = False
    assert viewer.http.post(f"{base}/{work}", {"dataset": "reviews@1"}).status_code == 403
