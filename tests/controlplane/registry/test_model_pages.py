"""The pages of a model version: report against the version before, files, lineage, versions, and what deleting says."""

import json
import re
import warnings
from typing import Any

import pytest
from controlplane import outcomes
from controlplane.data.models import Dataset, DatasetVersion
from controlplane.jobs.models import Job
from controlplane.registry.models import ModelVersion
from django.db import transaction

from tests.controlplane.registry.conftest import FILES, Bench
from tests.people import People, Person
from workers.contract.events import End

PAGE = "/w/acme/models/clf"


def see(person: Person, path: str) -> str:
    answer = person.in_browser().http.get(path)
    assert answer.status_code == 200, answer
    return str(answer.content.decode())


@pytest.fixture
def ready(people: People) -> str:
    """A dataset version with three rows in its test split; its reference."""
    dataset = Dataset.objects.create(workspace=people.alice.workspace, name="reviews")
    version = DatasetVersion.objects.create(
        dataset=dataset,
        version=1,
        state="ready",
        columns=["review", "stars"],
        features={"review": "text", "stars": "category"},
        splits={"test": 3},
        shards={"test": [{"name": "test.parquet", "uri": "ws/1/d/test.parquet", "size": 4, "sha256": "0" * 64}]},
    )
    return str(version)


def trained(bench: Bench, counts: list[list[int]], label: str = "good") -> None:
    """A version with its own report; f1 and the rest follow from the counts of two classes, bad and `label`."""
    (a, b), (c, d) = counts
    rows = a + b + c + d
    f1 = [2 * a / (2 * a + b + c), 2 * d / (2 * d + b + c)]
    classes = [
        {"label": name, "precision": 0.5, "recall": 0.5, "f1": value, "support": n}
        for name, value, n in (("bad", f1[0], a + b), (label, f1[1], c + d))
    ]
    report: dict[str, Any] = {
        "split": "test",
        "rows": rows,
        "accuracy": (a + d) / rows,
        "f1_macro": sum(f1) / 2,
        "classes": classes,
        "confusion_matrix": {"labels": ["bad", label], "rows_are": "true", "counts": counts},
    }
    job = bench.job()
    found = bench.store(job, files={**FILES, "evaluation.json": json.dumps(report).encode()})
    bench.end(job, files=found, metrics={"test/accuracy": report["accuracy"], "test/loss": 1 - report["accuracy"]})


def test_the_report_is_set_against_the_version_before(bench: Bench, people: People) -> None:
    trained(bench, [[40, 10], [10, 40]])
    trained(bench, [[45, 5], [10, 40]])
    text = see(people.alice, f"{PAGE}/2")
    assert "15 of 100 rows wrong" in text
    assert "+0.050, better than v1" in " ".join(text.split())
    assert "−0.050, better than v1" in " ".join(text.split()), "a lower loss is the better one"
    assert "F1 vs v1" in text
    assert "Weakest class: good, 10 of 50 rows wrong." in text
    assert "split test, held out" in text
    first = see(people.alice, f"{PAGE}/1")
    assert "better than" not in first
    assert "F1 vs" not in first


def test_the_worst_rows_lead_to_the_dataset(bench: Bench, people: People, ready: str) -> None:
    job = bench.job()
    worst = [{"row": 2, "actual": "good", "predicted": "bad", "score": 0.98}, {"row": "<b>", "score": 1.0}]
    report = {"split": "test", "rows": 3, "worst": worst}
    bench.end(job, files=bench.store(job, files={**FILES, "evaluation.json": json.dumps(report).encode()}))
    ModelVersion.objects.update(lineage={"dataset": ready, "columns": {"label": "stars"}})
    text = see(people.alice, f"{PAGE}/1/rows")
    assert 'href="/w/acme/datasets/reviews/1?split=test&amp;row=2"' in text
    assert "0.98" in text
    assert text.count("<li>") == 1
    assert 'hx-get="/w/acme/models/clf/1/rows?"' in see(people.alice, f"{PAGE}/1")
    assert people.bob.in_browser().http.get(f"{PAGE}/1/rows").status_code == 404
    Dataset.objects.all().delete()
    assert "datasets/reviews" not in see(people.alice, f"{PAGE}/1/rows")


def test_the_matrix_as_a_file_runs_no_formula(bench: Bench, people: People) -> None:
    trained(bench, [[3, 1], [0, 4]], label="=1+1")
    answer = people.alice.in_browser().http.get(f"{PAGE}/1/matrix.csv")
    lines = answer.content.decode().splitlines()
    assert lines[0] == "actual \\ predicted,bad,'=1+1,precision,recall,f1,rows"
    assert lines[1].startswith("bad,3,1,")
    assert people.bob.in_browser().http.get(f"{PAGE}/1/matrix.csv").status_code == 404
    bench.trained()
    assert people.alice.in_browser().http.get(f"{PAGE}/2/matrix.csv").status_code == 404


def test_files_say_how_they_are_opened(bench: Bench, people: People) -> None:
    bench.trained()
    text = see(people.alice, f"{PAGE}/1/files")
    assert "AutoModelForSequenceClassification.from_pretrained" in text
    assert "/api/v1/workspaces/acme/models/clf/versions/1/files/tokenizer/vocab.txt" in text
    assert "for name in README.md config.json model.safetensors tokenizer/vocab.txt; do" in text


def test_lineage_leads_to_dataset_and_job(bench: Bench, people: People) -> None:
    job = bench.trained()
    text = see(people.alice, f"{PAGE}/1/lineage")
    assert 'href="/w/acme/datasets/reviews/1"' in text
    assert f'href="/w/acme/jobs/{job.number}"' in text
    assert "text = review" in text


def test_versions_are_compared_and_one_in_use_says_by_whom(bench: Bench, people: People) -> None:
    trained(bench, [[40, 10], [10, 40]])
    trained(bench, [[30, 20], [10, 40]])
    ModelVersion.objects.update(task="text-classification")
    people.charlie.post("…/endpoints", {"name": "triage", "model": "clf@2"})
    text = see(people.charlie, f"{PAGE}/2/versions")
    assert "Results compared" in text
    assert "↓ −0.1" in text
    assert "endpoint triage" in text
    assert '<button class="btn danger" disabled>' in text
    head = see(people.charlie, f"{PAGE}/2")
    assert 'href="/w/acme/endpoints/triage"' in head
    assert "Deploy v2" in head
    assert "disabled" not in see(people.charlie, f"{PAGE}/1/versions").split("Delete v1")[1]
    viewer = people.member("vera", "viewer")
    assert "Delete v1" not in see(viewer, f"{PAGE}/1/versions")


def test_a_prediction_is_started_and_its_result_said(bench: Bench, people: People, ready: str) -> None:
    bench.trained()
    refused = people.charlie.post("…/models/clf/versions/1/predictions", {"dataset": ready, "split": "none"})
    assert refused.code == "empty_split"
    assert people.charlie.post("…/models/clf/versions/1/predictions", {"dataset": ready, "parameters": {"odd": 1}}).status == 422
    made = people.charlie.post("…/models/clf/versions/1/predictions", {"dataset": ready})
    assert (made.status, made.body["kind"]) == (202, "predict")
    number = made.body["id"]
    assert made.headers["location"].endswith(f"/jobs/{number}")
    assert people.alice.get(f"…/jobs/{number}/predictions").code == "not_ready"
    assert people.charlie.delete("…/models/clf/versions/1").status == 409, "an unfinished job reads it"
    job = Job.objects.get(number=number)
    bench.attempt(job)
    stored = bench.store(job, "predictions", {"predictions.parquet": b"PAR1"})
    bench.end(job, files=stored, rows=3, unreadable=1, features={"row": "integer"})
    (row,) = people.alice.get("…/models/clf/versions/1/predictions").body["items"]
    assert (row["state"], row["rows"], row["unreadable"], row["job"]) == ("ready", 3, 1, number)
    answer = people.alice.http.get(row["files"]["parquet"], headers={"Authorization": f"Bearer {people.alice.token}"})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a stream for the event loop, read without one
        assert b"".join(answer) == b"PAR1"  # type: ignore[call-overload]
    assert f'filename="clf-v1-{ready.replace("@", "-v")}-test.parquet"' in answer["Content-Disposition"]
    assert people.bob.get(f"/api/v1/workspaces/acme/jobs/{number}/predictions").status == 404
    assert people.alice.get("…/jobs/1/predictions").status == 404, "a training has none"
    text = see(people.charlie, f"{PAGE}/1/predictions")
    assert row["files"]["csv"] in text.replace("&amp;", "&")
    assert row["files"]["csv"] in see(people.alice, f"/w/acme/jobs/{number}/evaluation")


def test_a_failed_prediction_says_why(bench: Bench, people: People, ready: str) -> None:
    bench.trained()
    number = people.charlie.post("…/models/clf/versions/1/predictions", {"dataset": ready}).body["id"]
    job = Job.objects.get(number=number)
    bench.attempt(job)
    with transaction.atomic():
        outcomes.finish(job, End(outcome="failed", error={"code": "disk_full", "message": "no room", "hint": "", "loc": {}}))
    assert people.alice.get("…/models/clf/versions/1/predictions").body["items"][0]["error"]["message"] == "no room"
    assert "no room" in see(people.alice, f"{PAGE}/1/predictions")
    assert people.alice.get(f"…/jobs/{number}/predictions").code == "not_ready"


def test_versions_are_listed_a_page_at_a_time(bench: Bench, people: People) -> None:
    trained(bench, [[8, 2], [1, 9]])
    model = ModelVersion.objects.get().model
    ModelVersion.objects.bulk_create(ModelVersion(model=model, version=n, state="ready", task="text-classification") for n in range(2, 61))
    first = see(people.charlie, f"{PAGE}/60/versions")
    assert re.findall(rf'class="name" href="{PAGE}/(\d+)">v', first) == [str(n) for n in range(60, 10, -1)]
    (rest,) = re.findall(r'href="(\?cursor=[^"]+)"', first)
    assert re.findall(rf'class="name" href="{PAGE}/(\d+)">v', see(people.charlie, f"{PAGE}/60/versions{rest}"))[-1] == "1"
