"""Pages of datasets: the list by kind, state and size; one version's rows, findings, and what was made from it."""

import re
from pathlib import Path
from typing import Any

import pytest
from controlplane.data.models import Dataset, DatasetVersion
from controlplane.jobs.models import Job
from controlplane.jobs.transitions import now
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from tests.controlplane.data.conftest import Person, make_ready, new_version, parquet, upload

LIST = "/w/acme/datasets"
FEATURES = {"text": "text", "label": "category"}


def browser(person: Person) -> Client:
    client = Client()
    client.force_login(person.user, backend="allauth.account.auth_backends.AuthenticationBackend")
    return client


def seen(client: Client, path: str) -> str:
    answer = client.get(path)
    assert answer.status_code == 200, answer
    return answer.content.decode()


def plain(who: Person, name: str, state: str = "ready", **more: Any) -> DatasetVersion:
    dataset = Dataset.objects.create(workspace=who.workspace, name=name)
    empty = {"content_key": name, "sha256": "0" * 64}
    version: DatasetVersion = DatasetVersion.objects.create(dataset=dataset, version=1, state=state, **empty, **more)
    return version


@pytest.fixture
def rows(alice: Person, tmp_path: Path) -> DatasetVersion:
    """130 training rows with two classes, of which one carries a word of its own."""
    half = "CASE WHEN i % 2 = 0 THEN 'good' ELSE 'bad' END"
    shard = parquet(tmp_path, "train.parquet", f"SELECT 'row ' || i AS text, {half} AS label FROM range(130) t(i)")  # noqa: S608 (our own words)
    statistics = {
        "label": "label",
        "columns": {"label": {"type": "category", "nulls": 3, "distinct": 2, "values": [["good", 65], ["bad", 65]]}},
        "splits": {"train": {"rows": 130, "classes": {"label": {"good": 65, "bad": 65}}}},
        "health": {"duplicates": 0, "leakage": 7, "conflicts": 1, "exact": True},
    }
    return make_ready(new_version(alice), FEATURES, {"train": [shard]}, statistics=statistics)


def test_the_list_is_filtered_by_kind_and_state_and_sorted_by_size(alice: Person) -> None:
    client = browser(alice)
    plain(alice, "small", format="csv", size_bytes=10, splits={"train": 5}, statistics={"health": {"leakage": 2, "conflicts": 1}})
    plain(alice, "large", format="csv", size_bytes=9000, statistics={"health": {"leakage": 0}})
    plain(alice, "photos", format="images", kind="image", size_bytes=500)
    plain(alice, "broken", state="failed", error={"code": "bad_json", "message": "line 3"})
    page = seen(client, LIST)
    assert "4 datasets" in page
    assert "2 findings" in page
    assert "No findings" in page
    images = seen(client, f"{LIST}?kind=image")
    assert "d-photos" in images
    assert "d-small" not in images
    failed = seen(client, f"{LIST}?state=failed")
    assert "d-broken" in failed
    assert f'href="{LIST}/broken/new"' in failed, "what failed can be uploaded again"
    assert "d-photos" not in failed
    by_size = seen(client, f"{LIST}?sort=-size")
    assert by_size.index("d-large") < by_size.index("d-photos") < by_size.index("d-small")
    assert "No dataset matches" in seen(client, f"{LIST}?q=nothing-like-it")


def test_jobs_are_counted_by_dataset_whatever_the_version(alice: Person) -> None:
    first = plain(alice, "reviews", format="csv")
    DatasetVersion.objects.create(dataset=first.dataset, version=2, state="ready", content_key="two", sha256="0" * 64, format="csv")
    plain(alice, "reviews-2", format="csv")
    for number, (kind, dataset) in enumerate([("train", "reviews@1"), ("train", "reviews@2"), ("prepare", "reviews@1")]):
        common = {"kind": kind, "dataset": dataset, "queued_at": now(), "work": {}, "resources": {}, "request": {}}
        Job.objects.create(workspace=alice.workspace, number=number + 1, name=f"job-{number}", **common)
    lines = {part.split('"')[0]: part for part in seen(browser(alice), LIST).split('<tr id="d-')[1:]}
    assert '<td class="num">2</td>' in lines["reviews"]
    assert '<td class="num">2</td>' not in lines["reviews-2"]
    uses = seen(browser(alice), f"{LIST}/reviews/1/uses")
    assert "job-0" in uses
    assert "job-1" not in uses, "of another version"
    assert "job-2" not in uses, "made the version, was not made from it"


def test_a_filter_form_becomes_an_address_that_can_be_shared(alice: Person, rows: DatasetVersion) -> None:
    client, base = browser(alice), f"{LIST}/reviews/1"
    answer = client.get(f"{base}?split=train&column=label&op=eq&value=good")
    assert answer.status_code == 302
    assert answer.url == f"{base}?split=train&filter=label%3Aeq%3Agood"  # type: ignore[attr-defined]
    page = seen(client, answer.url)  # type: ignore[attr-defined]
    assert "1–50 of 65" in page
    assert "row 0" in page
    assert "row 1<" not in page


def test_a_link_to_a_row_opens_the_page_that_has_it(alice: Person, rows: DatasetVersion) -> None:
    client, base = browser(alice), f"{LIST}/reviews/1"
    page = seen(client, f"{base}?split=train&row=112")
    assert "101–130 of 130" in page
    assert "<h2>Row 112</h2>" in page
    assert "?split=train&amp;row=112" in page, "its lasting address, to copy"
    assert "Row before" in page
    assert "<h2>Row" not in seen(client, f"{base}?split=train&row=9999")


def test_findings_come_from_what_preparing_counted(alice: Person, rows: DatasetVersion) -> None:
    page = seen(browser(alice), f"{LIST}/reviews/1/health")
    for text in ("7 rows are also in test", "1 input carries two labels", "3 empty cells in label", "filter=label%3Anull%3Atrue"):
        assert text in page
    assert "50.0 %" in page


def test_what_is_in_use_says_so_before_anybody_presses_delete(alice: Person, rows: DatasetVersion) -> None:
    client = browser(alice)
    Job.objects.update(state="succeeded")
    assert 'id="delete-dataset"' in seen(client, f"{LIST}/reviews/1/source")
    common = {"queued_at": now(), "work": {}, "resources": {}, "request": {}}
    Job.objects.create(workspace=alice.workspace, number=77, kind="train", name="busy", dataset="reviews@1", state="queued", **common)
    page = seen(client, f"{LIST}/reviews/1/source")
    assert "job #77" in page
    assert 'id="delete-dataset"' not in page


def test_versions_are_listed_a_page_at_a_time(alice: Person) -> None:
    dataset = plain(alice, "often").dataset
    common = {"state": "ready", "sha256": "0" * 64}
    DatasetVersion.objects.bulk_create(DatasetVersion(dataset=dataset, version=n, content_key=f"v{n}", **common) for n in range(2, 61))
    first = seen(browser(alice), f"{LIST}/often/60/versions")
    numbers = re.findall(r'href="/w/acme/datasets/often/(\d+)">v', first)
    assert numbers == [str(n) for n in range(60, 10, -1)]
    (rest,) = re.findall(r'href="(\?cursor=[^"]+)"', first)
    assert re.findall(r'href="/w/acme/datasets/often/(\d+)">v', seen(browser(alice), f"{LIST}/often/60/versions{rest}"))[-1] == "1"


def test_a_wrong_name_keeps_the_file_that_was_uploaded(alice: Person) -> None:
    client = browser(alice)
    there = upload(alice, b"text,label\na,1\n", "客服工单2024.csv")
    answer = client.post(f"{LIST}/new", {"name": "Wrong Name", "title": "客服工单2024", "uploads": [there]})
    assert answer.status_code == 422
    page = answer.content.decode()
    assert f'name="uploads" value="{there}" checked' in page
    assert "客服工单2024.csv" in page
    small = SimpleUploadedFile("plain.csv", b"text,label\na,1\n", "text/csv")
    page = client.post(f"{LIST}/new", {"name": "Wrong Name", "file": small}).content.decode()
    kept = re.search(r'name="uploads" value="(\w+)" checked', page)
    assert kept, "one that came with the form as well"
    assert client.post(f"{LIST}/new", {"name": "dataset-1", "uploads": [kept[1]]}).status_code == 302
    assert 'data-spare="dataset-2"' in seen(client, f"{LIST}/new"), "the next free name for what has no Latin one"
