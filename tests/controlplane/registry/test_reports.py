"""The rows behind a report: cells of the confusion matrix, the words that decided the worst rows, evaluations, and their bytes."""

import hashlib
import json
from pathlib import Path
from typing import Any

import duckdb
import pytest
from controlplane import artifacts
from controlplane.data.intake import workspace_bytes
from controlplane.data.models import Dataset, DatasetVersion
from controlplane.jobs.models import Job
from controlplane.registry.models import Evaluation
from django.test import Client

from tests.controlplane.registry.conftest import FILES, Bench
from tests.people import People, Person

PAGE = "/w/acme/models/clf"
TEXTS = ["fine", "not <b>bad</b> at all", "五星好评", *(f"row number {n}" for n in range(3, 60))]
SAID = [("good", "good"), ("good", "bad"), ("bad", "good"), *([("bad", "good")] * 30), *([("good", "good")] * 27)]


def see(person: Person, path: str) -> str:
    answer = person.in_browser().http.get(path)
    assert answer.status_code == 200, answer
    return " ".join(answer.content.decode().split())


def signed_in(person: Person) -> Client:
    """Forms, without the safety code that a page would carry."""
    client = Client()
    client.force_login(person.user, backend="allauth.account.auth_backends.AuthenticationBackend")
    return client


def parquet(folder: Path, sql: str) -> bytes:
    """What this query gives, as a Parquet file."""
    duckdb.sql(f"COPY ({sql}) TO '{folder / 'made.parquet'}' (FORMAT parquet)")
    return (folder / "made.parquet").read_bytes()


@pytest.fixture
def dataset(people: People, tmp_path: Path) -> DatasetVersion:
    """60 rows in a test split, stored."""
    rows = ", ".join(f"({n}, '{text}')" for n, text in enumerate(TEXTS))
    artifacts.put_bytes("ws/1/d/test.parquet", parquet(tmp_path, f"SELECT review FROM (VALUES {rows}) t(n, review) ORDER BY n"))  # noqa: S608
    made = Dataset.objects.create(workspace=people.alice.workspace, name="reviews")
    return DatasetVersion.objects.create(  # type: ignore[no-any-return]
        dataset=made,
        version=1,
        state="ready",
        columns=["review", "stars"],
        features={"review": "text", "stars": "category"},
        splits={"test": len(TEXTS)},
        shards={"test": [{"name": "test.parquet", "uri": "ws/1/d/test.parquet", "size": 4, "sha256": "0" * 64}]},
    )


def report(words: Any = None) -> dict[str, Any]:
    classes = [{"label": name, "precision": 0.5, "recall": 0.5, "f1": 0.5, "support": 30} for name in ("bad", "good")]
    worst = [{"row": 1, "actual": "good", "predicted": "bad", "score": 0.98, **({"words": words} if words else {})}]
    matrix = {"labels": ["bad", "good"], "rows_are": "true", "counts": [[0, 31], [1, 28]]}
    return {"split": "test", "rows": len(TEXTS), "classes": classes, "confusion_matrix": matrix, "worst": worst}


def answers(bench: Bench, job: Job, folder: Path) -> list[dict[str, Any]]:
    """The stored answer to every row, the surest first."""
    rows = ", ".join(f"({n}, '{actual}', '{said}', {1 - n / 100}::FLOAT)" for n, (actual, said) in enumerate(SAID))
    data = parquet(folder, f"SELECT * FROM (VALUES {rows}) t(row, actual, predicted, score) ORDER BY score DESC")  # noqa: S608
    return bench.store(job, "evaluation", {"answers.parquet": data})


@pytest.fixture
def trained(bench: Bench, dataset: DatasetVersion, tmp_path: Path) -> Job:
    job = bench.job()
    files = bench.store(job, files={**FILES, "evaluation.json": json.dumps(report([[0, 3, -2.0], [7, 10, 1.5], [15, 17, 0.1]])).encode()})
    return bench.end(job, files=files, metrics={"test/accuracy": 0.5}, answers=answers(bench, job, tmp_path))


def test_a_cell_of_the_matrix_opens_its_rows(trained: Job, people: People) -> None:
    page = see(people.alice, f"{PAGE}/1")
    assert f'href="{PAGE}/1?actual=bad&amp;predicted=good#rows"' in page
    assert f'href="{PAGE}/1?actual=&amp;predicted=bad#rows"' in page, "totals lead to their rows"
    assert "rows of bad taken for good" in page
    cell = see(people.alice, f"{PAGE}/1?actual=bad&predicted=good")
    assert "1–20 of 31" in cell
    assert 'aria-current="true"><b class="font-medium">31</b>' in cell
    assert "offset=20#rows" in cell
    second = see(people.alice, f"{PAGE}/1?actual=bad&predicted=good&offset=20")
    assert "21–31 of 31" in second
    full = see(people.alice, f"{PAGE}/1/rows?actual=bad&predicted=good")
    assert "五星好评" in full
    assert full.index("五星好评") < full.index("row number 3<") < full.index("row number 9<"), "the surest first"
    assert 'href="/w/acme/datasets/reviews/1?split=test&amp;row=2"' in full
    assert "row number 30" not in full
    assert "No row is in this cell" in see(people.alice, f"{PAGE}/1?actual=bad&predicted=bad")
    assert people.bob.in_browser().http.get(f"{PAGE}/1/rows?actual=bad").status_code == 404


def test_a_report_says_what_its_figures_cannot_claim(bench: Bench, trained: Job, people: People) -> None:
    """27 of 60 right is less than the 31 that always naming the commonest class gets; of a class without a row nothing is known."""
    counts = [[28, 2, 0], [1, 29, 0], [0, 0, 0]]
    good = report() | {"confusion_matrix": {"labels": ["bad", "good", "举报"], "rows_are": "true", "counts": counts}}
    better = bench.job()
    files = bench.store(better, files={**FILES, "evaluation.json": json.dumps(good).encode()})
    bench.end(better, files=files, metrics={"test/accuracy": 0.95})
    page = see(people.alice, f"{PAGE}/1")
    assert "always “bad”: 0.517" in page
    assert "Accuracy 0.467 is not clearly better than always answering “bad”, which gets 0.517." in page
    assert "no held-out row" not in page
    second = see(people.alice, f"{PAGE}/2")
    assert "always “bad”: 0.500" in second
    assert "not clearly better" not in second
    assert "举报: no held-out row, the result says nothing of this class." in second
    assert "not clearly better" in see(people.alice, f"/w/acme/jobs/{trained.number}/evaluation")


def test_the_same_rows_come_by_the_api(trained: Job, people: People) -> None:
    (made,) = people.alice.get("…/models/clf/versions/1/evaluations").body["items"]
    assert (made["dataset"], made["split"], made["job"]) == ("reviews@1", "test", str(trained.number))
    base = made["answers"]
    found = people.alice.get(f"{base}?actual=good&predicted=bad").body
    assert found == {"items": [{"row": 1, "actual": "good", "predicted": "bad", "score": 0.99}], "total": 1, "next_offset": None}
    page = people.alice.get(f"{base}?limit=50").body
    assert (len(page["items"]), page["total"], page["next_offset"]) == (50, 60, 50)
    assert len(people.alice.get(f"{base}?limit=50&offset=50").body["items"]) == 10
    assert people.alice.get(base.replace(f"/{made['id']}/", "/999999/")).status == 404
    assert people.alice.get(f"{base}?limit=0").status == 422
    assert people.bob.get(base).status == 404
    Evaluation.objects.update(files=[])
    assert people.alice.get(base).code == "not_found"
    assert "not kept" in see(people.alice, f"{PAGE}/1?actual=good")


def test_the_words_that_decided_a_row_are_marked(trained: Job, people: People) -> None:
    text = see(people.alice, f"{PAGE}/1/rows")
    assert '<mark class="against" title="-2.00">not</mark>' in text
    assert '<mark class="for" title="1.50">bad</mark>' in text
    assert "&lt;b&gt;" in text, "what a dataset holds is text"
    assert ">at</mark>" not in text, "what hardly weighs is not marked"
    assert "towards bad" in text
    assert "taken out once and the model asked again" in text
    for words in ([[0, 3, -2.0], [2, 10, 1.5]], [[0, 999, 1.0]], [["a", 1, 2]], "no"):
        Evaluation.objects.update(report=report(words))
        assert "<details>" not in see(people.alice, f"{PAGE}/1/rows"), words


def test_pictures_stand_in_the_rows(trained: Job, dataset: DatasetVersion, people: People) -> None:
    Job.objects.filter(pk=trained.pk).update(work={**trained.work, "columns": {"image": "picture", "label": "stars"}})
    DatasetVersion.objects.filter(pk=dataset.pk).update(features={"picture": "image", "stars": "category"})
    text = see(people.alice, f"{PAGE}/1/rows?actual=good&predicted=bad")
    assert '<img class="thumb" src="/files/' in text
    assert 'alt="Picture of row 1"' in text


def test_an_evaluation_has_a_report_of_its_own(trained: Job, bench: Bench, people: People, tmp_path: Path) -> None:
    number = people.charlie.post("…/models/clf/versions/1/evaluations", {"dataset": "reviews@1", "split": "test"}).body["id"]
    job = Job.objects.get(number=number)
    bench.attempt(job)
    found = {**report(), "confusion_matrix": {**report()["confusion_matrix"], "counts": [[7, 24], [1, 28]]}}
    bench.end(job, metrics={"test/accuracy": 0.6}, report=found, answers=answers(bench, job, tmp_path))
    made = Evaluation.objects.get(job=job)
    own = f"{PAGE}/1?evaluation={made.pk}"
    text = see(people.alice, own)
    assert "25 of 60 rows wrong" in text
    assert "Measured on reviews v1 · test" in text
    assert f'href="{own}&amp;actual=bad&amp;predicted=good#rows"' in text
    assert "32 of 60 rows wrong" in see(people.alice, f"{PAGE}/1"), "without an id it is the training's own"
    assert "bad,7,24" in people.alice.in_browser().http.get(f"{PAGE}/1/matrix.csv?evaluation={made.pk}").content.decode()
    assert f'href="{own}&amp;actual=bad&amp;predicted=good#rows"' in see(people.alice, f"/w/acme/jobs/{number}/evaluation")
    assert f'href="{PAGE}/1?actual=bad&amp;predicted=good#rows"' in see(people.alice, f"/w/acme/jobs/{trained.number}/evaluation")
    for odd in ("0", "x", str(made.pk + 1)):
        assert people.alice.in_browser().http.get(f"{PAGE}/1?evaluation={odd}").status_code == 404


def test_calibration_is_compared_in_words(bench: Bench, people: People) -> None:
    for error in (0.05, 0.02, 0.06):
        job = bench.job()
        bench.end(job, files=bench.store(job), metrics={"test/calibration_error": error})
    assert "↓ −0.030, better than v1" in see(people.alice, f"{PAGE}/2")
    assert "↑ +0.040, worse than v2" in see(people.alice, f"{PAGE}/3")
    assert "Calibration error" in see(people.alice, f"{PAGE}/3")


def test_answers_and_predictions_count_as_storage_and_go_with_their_rows(
    trained: Job, bench: Bench, people: People, django_capture_on_commit_callbacks: Any
) -> None:
    made = Evaluation.objects.get()
    assert made.size_bytes == made.files[0]["size"] > 0
    before = workspace_bytes(people.alice.workspace)
    number = people.charlie.post("…/models/clf/versions/1/predictions", {"dataset": "reviews@1"}).body["id"]
    job = Job.objects.get(number=number)
    bench.attempt(job)
    (stored,) = bench.store(job, "predictions", {"predictions.parquet": b"PAR1" * 25})
    bench.end(job, files=[stored], rows=3, features={"row": "integer"})
    assert workspace_bytes(people.alice.workspace) == before + 100
    with django_capture_on_commit_callbacks(execute=True):
        assert people.charlie.delete(f"…/jobs/{number}").status == 204
    assert workspace_bytes(people.alice.workspace) == before
    assert artifacts.stat(stored["uri"]) is None
    with django_capture_on_commit_callbacks(execute=True):
        assert people.charlie.delete("…/models/clf/versions/1").status == 204
    assert artifacts.stat(made.files[0]["uri"]) is None


def test_the_generated_card_is_read_in_the_readers_language(bench: Bench, people: People) -> None:
    bench.trained(card="Generated words.")
    browser = signed_in(people.charlie)
    browser.cookies["django_language"] = "zh-hans"
    shown = browser.get(f"{PAGE}/1/card").content.decode()
    card = shown[shown.index("<h2>clf@1") :]
    for words in ("文本分类", "<h3>来源</h3>", "<td>数据集</td>", "<h3>调用方法</h3>", "部署此版本后：", "Generated words."):
        assert words in card, card
    assert not any(words in card for words in ("A model for", "Origin", "How to call it", "Deploy this version"))
    assert "## How to call it" in people.alice.get("…/models/clf/versions/1").body["card"], "the file speaks one language"


def test_a_card_is_edited_over_the_generated_one(bench: Bench, people: People) -> None:
    bench.trained(card="Generated words.")
    address = f"{PAGE}/1/card/edit"
    browser = signed_in(people.charlie)
    assert "Generated words." in browser.get(address).content.decode()
    preview = browser.post(address, {"card": "# Mine\n\n**bold** <script>x()</script>", "act": "preview"}).content.decode()
    assert "<strong>bold</strong>" in preview
    assert "<script>x()" not in preview
    assert "Generated words." in people.alice.get("…/models/clf/versions/1").body["card"], "a preview keeps nothing"
    assert browser.post(address, {"card": "# Mine\r\n\r\n说明", "act": "save"}).status_code == 302
    version = people.alice.get("…/models/clf/versions/1").body
    assert version["card"] == "# Mine\n\n说明"
    assert version["card_edited"]["by"] == people.charlie.user.email
    shown = see(people.alice, f"{PAGE}/1/card")
    assert "说明" in shown
    assert "edited by" in shown
    listed = next(file for file in people.alice.get("…/models/clf/versions/1/files").body["items"] if file["name"] == "README.md")
    assert listed["sha256"] == hashlib.sha256(version["card"].encode()).hexdigest()
    assert browser.post(address, {"act": "restore", "card": "x"}).status_code == 302
    version = people.alice.get("…/models/clf/versions/1").body
    assert "Generated words." in version["card"]
    assert version["card_edited"] is None
    actions = [row["action"] for row in people.alice.get("…/audit").body["items"]]
    assert actions[:2] == ["model.restore_card", "model.edit_card"]
    viewer = people.member("vera", "viewer")
    assert viewer.in_browser().get(address).status == 403
    assert "Edit card" not in see(viewer, f"{PAGE}/1/card")


def test_the_card_by_the_api(bench: Bench, people: People) -> None:
    bench.trained()
    path = "…/models/clf/versions/1"
    assert people.charlie.patch(path, {"card": "short"}).body["card"] == "short"
    assert people.charlie.patch(path, {"card": ""}).body["card"] == "", "an empty card is a card"
    assert people.charlie.patch(path, {"card": None}).body["card"].startswith("# clf@1")
    assert people.charlie.patch(path, {}).status == 422
    assert people.charlie.patch(path, {"card": "x", "files": []}).status == 422
    assert people.charlie.patch(path, {"card": "x" * 200_001}).status == 422
    assert people.member("vera", "viewer").patch(path, {"card": "x"}).status == 403
    assert people.bob.patch("/api/v1/workspaces/acme/models/clf/versions/1", {"card": "x"}).status == 404
