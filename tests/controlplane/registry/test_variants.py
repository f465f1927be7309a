"""Variants of a version: made by a job, judged by the model's limit, read, downloaded, deleted; by the API and on the page."""

from typing import Any

import pytest
from controlplane import artifacts
from controlplane.data.intake import workspace_bytes
from controlplane.data.models import Dataset, DatasetVersion
from controlplane.jobs.models import Job
from controlplane.registry.models import Model, ModelVersion, Variant

from tests.controlplane.registry.conftest import Bench
from tests.people import People, Person

PAGE = "/w/acme/models/clf/1"
AT = "…/models/clf/versions/1/variants"
SMALL = {"config.json": b"{}", "model.safetensors": b"8" * 100}


def figures(f1: float, size: int, p50: float) -> dict[str, Any]:
    return {
        "size_bytes": size,
        "p50_ms": p50,
        "p95_ms": p50 * 1.3,
        "rows_per_second": 1000 / p50,
        "metrics": {"test/accuracy": f1 + 0.02, "test/f1_macro": f1, "test/loss": None},
    }


@pytest.fixture
def version(bench: Bench, people: People) -> ModelVersion:
    """A version that can be optimised, and the dataset it learnt from."""
    dataset = Dataset.objects.create(workspace=people.alice.workspace, name="reviews")
    fields: Any = {"columns": ["review", "stars"], "features": {"review": "text", "stars": "category"}, "splits": {"test": 60}}
    DatasetVersion.objects.create(dataset=dataset, version=1, state="ready", **fields, shards={"test": []})
    job = bench.job("text-classification/finetune")
    bench.end(job, files=bench.store(job), metrics={"test/f1_macro": 0.9})
    return ModelVersion.objects.get()


def asked(people: People, variant: str = "int8", **more: Any) -> Job:
    answer = people.charlie.post(AT, {"variant": variant, **more})
    assert answer.status == 202, answer.body
    return Job.objects.get(number=answer.body["id"])


def ended(bench: Bench, job: Job, f1: float = 0.895, files: dict[str, bytes] | None = None) -> Job:
    """Its child has made the variant and measured both."""
    bench.attempt(job)
    measured: dict[str, Any] = {"reference": figures(0.9, 1_900_000, 48.0), "variant": figures(f1, 500_000, 21.0)}
    stored = bench.store(job, files=files or SMALL)
    return bench.end(job, files=stored, metrics=measured["variant"]["metrics"], rows=60, device="cpu", threads=8, **measured)


def test_a_variant_is_made_measured_and_judged(version: ModelVersion, bench: Bench, people: People) -> None:
    answer = people.charlie.post(AT, {"variant": "int8"})
    job = Job.objects.get(number=answer.body["id"])
    assert (answer.status, answer.body["kind"]) == (202, "optimize")
    assert answer.headers["location"] == f"/api/v1/workspaces/acme/jobs/{job.number}"
    assert (job.work["variant"], job.work["split"], job.work["columns"]) == ("int8", "test", {"text": "review", "label": "stars"})
    (making,) = people.alice.get(AT).body["items"]
    assert (making["state"], making["job"], making["verdict"], making["reference"]) == ("optimising", str(job.number), None, None)
    ended(bench, job)
    assert job.metrics["test/f1_macro"]["last"] == 0.895
    made = people.alice.get(f"{AT}/int8").body
    assert (made["state"], made["size_bytes"], made["p50_ms"], made["rows"], made["threads"]) == ("ready", 500_000, 21.0, 60, 8)
    assert (made["metrics"]["test/f1_macro"], made["reference"]["metrics"]["test/f1_macro"]) == (0.895, 0.9)
    assert (made["verdict"], made["limit"]["metric"]) == ("within_limit", "test/f1_macro")
    assert made["limit"]["value"] == pytest.approx(0.891), "99 % of what the version reaches"
    assert people.alice.get("…/models/clf/versions/1").body["variants"] == [made]
    assert people.alice.get("…/models").body["items"][0]["versions"][0]["variants"] == [made]


def test_the_limit_is_the_models_own(version: ModelVersion, bench: Bench, people: People) -> None:
    ended(bench, asked(people), f1=0.885)
    assert people.alice.get(f"{AT}/int8").body["verdict"] == "below_limit"
    changed = people.charlie.patch("…/models/clf", {"quality_limit": 0.88})
    assert (changed.status, changed.body["quality_limit"]) == (200, 0.88)
    made = people.alice.get(f"{AT}/int8").body
    assert (made["verdict"], made["limit"]["value"]) == ("within_limit", 0.88)
    assert people.charlie.patch("…/models/clf", {"quality_limit": None}).body["quality_limit"] is None
    for wrong in ({}, {"quality_limit": -1}, {"quality_limit": "x"}, {"quality_limit": 0.5, "more": 1}):
        assert people.charlie.patch("…/models/clf", wrong).status == 422, wrong


def test_what_is_refused(version: ModelVersion, bench: Bench, people: People) -> None:
    unknown = people.charlie.post(AT, {"variant": "int4"})
    assert (unknown.status, unknown.code) == (422, "unknown_variant")
    assert "int8" in unknown.body["hint"]
    assert people.charlie.post(AT, {"variant": "int8", "split": "none"}).code == "empty_split"
    assert people.charlie.post(AT, {"variant": "int8", "dataset": "none@1"}).code == "unknown_dataset"
    assert people.charlie.post(AT, {"variant": "int8", "more": 1}).status == 422
    job = asked(people)
    again = people.charlie.post(AT, {"variant": "int8"})
    assert (again.status, again.code) == (409, "variant_exists")
    assert f"job #{job.number}" in again.body["detail"]
    assert people.charlie.post(AT, {"variant": "bf16"}, Idempotency_Key="k").status == 202
    assert people.charlie.post(AT, {"variant": "bf16"}, Idempotency_Key="k").headers["idempotency-replayed"] == "true"
    ModelVersion.objects.update(recipe="text-classification/majority")
    assert "no variants" in people.charlie.post(AT, {"variant": "int8"}).body["hint"]
    ModelVersion.objects.update(lineage={}, recipe=version.recipe)
    assert people.charlie.post("…/models/clf/versions/1/variants", {"variant": "int8"}).code == "unknown_dataset"


def test_who_may(version: ModelVersion, bench: Bench, people: People) -> None:
    ended(bench, asked(people))
    viewer = people.member("vera", "viewer")
    assert viewer.get(f"{AT}/int8").status == 200
    assert viewer.post(AT, {"variant": "bf16"}).status == 403
    assert viewer.delete(f"{AT}/int8").status == 403
    assert viewer.patch("…/models/clf", {"quality_limit": 0.1}).status == 403
    for path in (AT, f"{AT}/int8", f"{AT}/int8/files", f"{AT}/int8/files/config.json"):
        assert people.bob.get(path.replace("…", "/api/v1/workspaces/acme")).status == 404, path
    assert people.alice.get(f"{AT}/bf16").status == 404
    assert people.alice.get(f"{AT}/bf16/files").status == 404


def test_its_files_are_read_counted_and_go_with_it(
    version: ModelVersion, bench: Bench, people: People, django_capture_on_commit_callbacks: Any
) -> None:
    before = workspace_bytes(people.alice.workspace)
    ended(bench, asked(people))
    listed = people.alice.get(f"{AT}/int8/files").body["items"]
    assert [(file["name"], file["size"]) for file in listed] == [("config.json", 2), ("model.safetensors", 100)]
    fetched = people.alice.http.get(listed[1]["url"], headers={"Authorization": f"Bearer {people.alice.token}"})
    assert (fetched.status_code, fetched["Content-Length"], fetched["Content-Disposition"][:10]) == (200, "100", "attachment")
    assert people.alice.get(f"{AT}/int8/files/..%2fsecrets").status == 404
    assert workspace_bytes(people.alice.workspace) == before + 102
    uri = Variant.objects.get().files[0]["uri"]
    with django_capture_on_commit_callbacks(execute=True):
        assert people.charlie.delete(f"{AT}/int8").status == 204
    assert (artifacts.stat(uri), people.alice.get(AT).body["items"]) == (None, [])
    ended(bench, asked(people))
    uri = Variant.objects.get().files[0]["uri"]
    with django_capture_on_commit_callbacks(execute=True):
        assert people.charlie.delete("…/models/clf/versions/1").status == 204
    assert (artifacts.stat(uri), Variant.objects.count()) == (None, 0)


def test_a_try_that_failed_gives_way_to_the_next(version: ModelVersion, bench: Bench, people: People) -> None:
    job = asked(people)
    refused = people.charlie.delete(f"{AT}/int8")
    assert (refused.status, refused.body["errors"][0]["msg"]) == (409, f"job #{job.number}")
    assert f"job #{job.number}" in people.charlie.delete("…/models/clf/versions/1").body["detail"]
    assert ended(bench, job, files={"model.pt": b"x"}).state == "failed"
    made = people.alice.get(f"{AT}/int8").body
    assert (made["state"], made["error"]["code"]) == ("failed", "unsafe_format")
    news = people.charlie.get("/api/v1/me/notifications").body["items"][0]
    assert (news["kind"], news["title"]) == ("job.failed", f"Optimise clf@1 to int8 #{job.number} failed")
    ended(bench, asked(people))
    (made,) = people.alice.get(AT).body["items"]
    assert (made["state"], made["error"]) == ("ready", None)
    actions = [event["action"] for event in people.alice.get("…/audit").body["items"]]
    assert {"optimize.start", "model.variant_ready"} <= set(actions)


def see(person: Person, path: str) -> str:
    answer = person.in_browser().http.get(path)
    assert answer.status_code == 200, answer
    return " ".join(answer.content.decode().split())


def send(person: Person, path: str, **form: str) -> str:
    """A form of the page; where it led to."""
    browser = person.in_browser()
    browser.http.handler.enforce_csrf_checks = False
    answer = browser.http.post(f"{PAGE}/{path}", form)
    assert answer.status_code == 302, answer
    return str(answer["Location"])


def test_the_page_makes_one_follows_it_and_sets_it_beside_its_version(version: ModelVersion, bench: Bench, people: People) -> None:
    empty = see(people.charlie, f"{PAGE}/variants")
    assert '<button role="menuitem" name="variant" value="int8"><span><b class="font-medium">Quantise to int8</b>' in empty
    assert "No variants yet" in empty
    assert 'id="variants"' not in see(people.charlie, PAGE)
    assert send(people.charlie, "optimise", variant="int8") == f"{PAGE}/variants"
    job = Job.objects.get(kind="optimize")
    making = see(people.charlie, f"{PAGE}/variants")
    assert 'id="variants" hx-get="/w/acme/models/clf/1/variants" hx-trigger="every 2s"' in making
    assert f'href="/w/acme/jobs/{job.number}">#{job.number}</a>' in making
    assert f"Job #{job.number} is making it." in making
    ended(bench, job, f1=0.892)
    for path in (PAGE, f"{PAGE}/variants"):
        page = see(people.alice, path)
        row = page[page.index('id="variant-') : page.index("</tr>", page.index('id="variant-'))]
        for figure in (">0.5<", ">21<", ">27.3<", ">47.6<", ">0.892<", ">−0.008<", "Within limit", "?model=clf@1&amp;variant=int8"):
            assert figure in row, figure
        assert "Quality limit: Macro F1 at least 0.891" in page
        assert "Measured on the same CPU, 8 threads, one row at a time. Quality over all 60 rows of reviews v1 · test." in page
        assert 'hx-trigger="every 2s"' not in page[page.index('id="variants"') :]
    assert 'Variants <span class="n">2</span>' in page
    assert "Open variants" in see(people.alice, f"/w/acme/jobs/{job.number}")
    assert send(people.charlie, "limit", limit="0.895", tab="report") == PAGE
    assert "Below your limit" in see(people.alice, PAGE)
    assert send(people.charlie, "limit", limit="nan", tab="variants") == f"{PAGE}/variants"
    assert send(people.charlie, "limit", limit="") == f"{PAGE}/variants"
    assert Model.objects.get().quality_limit is None
    assert send(people.charlie, "variants/int8/delete") == f"{PAGE}/variants"
    assert "No variants yet" in see(people.charlie, f"{PAGE}/variants")
    assert "What it made was deleted" in see(people.alice, f"/w/acme/jobs/{job.number}")


def test_a_page_says_why_one_failed_and_offers_another_try(version: ModelVersion, bench: Bench, people: People) -> None:
    ended(bench, asked(people), files={"model.pt": b"x"})
    page = see(people.charlie, f"{PAGE}/variants")
    for words in (
        "Save the weights as safetensors",
        "Try again",
        'aria-label="Remove int8"',
        '<input type="hidden" name="split" value="test">',
    ):
        assert words in page, words
    assert "Variants</a>" in page, "a try that came to nothing does not count"
    assert send(people.charlie, "optimise", variant="int8", dataset="none@1") == f"{PAGE}/variants"
    assert Variant.objects.get().state == "failed", "what cannot be started takes nothing away"


def test_who_may_not_sees_all_the_same(version: ModelVersion, bench: Bench, people: People) -> None:
    ended(bench, asked(people))
    viewer = people.member("vera", "viewer")
    page = see(viewer, f"{PAGE}/variants")
    assert "Within limit" in page
    for absent in ("optimise-menu", "make-variant", "variant=int8", "quality-limit", "Delete int8"):
        assert absent not in page, absent
    for path in ("optimise", "limit", "variants/int8/delete"):
        browser = viewer.in_browser()
        browser.http.handler.enforce_csrf_checks = False
        assert browser.http.post(f"{PAGE}/{path}", {"variant": "bf16"}).status_code == 403, path


def test_a_kind_of_model_without_variants_says_so(version: ModelVersion, people: People) -> None:
    ModelVersion.objects.update(recipe="text-classification/majority")
    page = see(people.charlie, f"{PAGE}/variants")
    assert 'disabled title="Models of this kind have no variants."' in page
    assert "make them neither smaller nor faster" in page
    ModelVersion.objects.update(recipe=version.recipe, lineage={})
    page = see(people.charlie, PAGE)
    assert f'<a class="btn" href="{PAGE}/variants">' in page, "what it is measured on has to be chosen"
    assert "optimise-menu" not in page
