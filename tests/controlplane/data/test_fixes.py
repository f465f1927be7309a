"""Findings that name their rows, and versions made by fixing them: what is offered, what is made, what is refused."""

from pathlib import Path
from typing import Any

import pytest
from controlplane.data.models import DatasetVersion
from controlplane.jobs.models import Job
from django.test import Client

from tests.controlplane.data.conftest import Person, make_ready, new_version, parquet, upload
from tests.controlplane.data.test_pages import browser, seen
from workers.contract.orders import PrepareWork

PAGE = "/w/acme/datasets/reviews/1"
ROWS = """SELECT * FROM (VALUES ('good cup', 'a'), ('good cup', 'a'), ('seen', 'b'), ('', 'a'),
  ('Call 13812345678 now, ask for Ann', 'b'), ('last', 'a')) t("text", label)"""
STATISTICS: dict[str, Any] = {
    "label": "label",
    "health": {
        "duplicates": 1,
        "leakage": 2,
        "conflicts": 0,
        "conflict_rows": 0,
        "empty": 1,
        "personal": {"rows": 1, "phone": 1},
        "dropped_by": [[["drop_duplicates"], 1], [["drop_leaks"], 1], [["drop_leaks", "drop_empty"], 1]],
        "exact": True,
    },
    "findings": {"duplicates": [["train", 1]], "leakage": [["train", 2], ["train", 3]], "empty": [["train", 3]], "phone": [["train", 4]]},
}


@pytest.fixture
def found(alice: Person, tmp_path: Path) -> DatasetVersion:
    """Six rows, each finding once or twice."""
    shards = {
        "train": [parquet(tmp_path, "train.parquet", ROWS)],
        "test": [parquet(tmp_path, "test.parquet", "SELECT 'seen' AS text, 'b' AS label")],
    }
    return make_ready(new_version(alice), {"text": "text", "label": "category"}, shards, statistics=STATISTICS)


@pytest.fixture
def address(alice: Person, found: DatasetVersion) -> str:
    return f"{alice.base}/datasets/reviews/versions/1"


def test_what_a_fix_would_change_is_shown_before_it_is_made(alice: Person, address: str) -> None:
    shown = alice.http("GET", f"{address}/fixes").json()
    assert (shown["rows"], shown["rows_after"], shown["rows_masked"], shown["exact"]) == (7, 4, 1, True)
    items = {item["fix"]: item for item in shown["items"]}
    assert {fix: item["rows"] for fix, item in items.items()} == {
        "drop_duplicates": 1,
        "drop_leaks": 2,
        "drop_empty": 1,
        "mask_personal": 1,
    }
    dropped = items["drop_leaks"]["examples"]
    assert [(row["split"], row["row"], row["after"]) for row in dropped] == [("train", 2, None), ("train", 3, None)]
    assert dropped[0]["before"] == {"text": "seen", "label": "b"}
    (masked,) = items["mask_personal"]["examples"]
    assert masked["before"] == {"text": "Call 138****78 now, ask for Ann"}, "no more of it than is needed"
    assert masked["after"] == {"text": "Call [PHONE] now, ask for Ann"}
    some = alice.http("GET", f"{address}/fixes?fix=drop_leaks&fix=drop_empty").json()
    assert (some["rows_after"], [item["fix"] for item in some["items"]]) == (5, ["drop_leaks", "drop_empty"])


def test_a_fixed_version_is_prepared_from_the_same_bytes(alice: Person, address: str, found: DatasetVersion) -> None:
    reply = alice.http("POST", f"{address}/fixes", {"fixes": ["mask_personal", "drop_leaks"]})
    shown = reply.json()
    assert (reply.status, shown["version"], shown["state"], shown["sha256"]) == (202, 2, "preparing", found.sha256)
    assert reply.headers["location"] == address.replace("/versions/1", "/versions/2")
    assert shown["options"]["fixes"] == ["drop_leaks", "mask_personal"]
    assert (shown["lineage"]["fixed_from"], shown["lineage"]["options"]["fixes"]) == ("reviews@1", ["drop_leaks", "mask_personal"])
    work = PrepareWork.model_validate(Job.objects.get(number=int(shown["job"])).work)
    assert (work.options["fixes"], [file.uri for file in work.files]) == (
        ["drop_leaks", "mask_personal"],
        [s["uri"] for s in found.sources],
    )
    again = alice.http("POST", f"{address}/fixes", {"fixes": ["drop_leaks", "mask_personal"]})
    assert (again.status, again.json()["version"]) == (200, 2)
    other = alice.http("POST", f"{address}/fixes", {"fixes": ["drop_leaks"]})
    assert (other.status, other.json()["version"]) == (202, 3)
    old = alice.http("GET", address).json()
    assert (old["state"], old["options"].get("fixes"), old["lineage"]["fixed_from"]) == ("ready", None, None)


def test_fixes_of_a_fixed_version_are_added_to_its_own(alice: Person, address: str, found: DatasetVersion) -> None:
    alice.http("POST", f"{address}/fixes", {"fixes": ["drop_leaks"]})
    DatasetVersion.objects.filter(version=2).update(state="ready", shards=found.shards, splits=found.splits, statistics=STATISTICS)
    shown = alice.http("POST", address.replace("/1", "/2") + "/fixes", {"fixes": ["drop_duplicates"]}).json()
    assert (shown["version"], shown["options"]["fixes"], shown["lineage"]["fixed_from"]) == (
        3,
        ["drop_duplicates", "drop_leaks"],
        "reviews@2",
    )
    assert alice.http("GET", address.replace("/1", "/2") + "/fixes").json()["exact"] is False, "counted on rows that are fixed already"


@pytest.mark.parametrize(
    ("body", "place"), [({"fixes": ["drop_all"]}, ["body", "fixes", 0]), ({"fixes": []}, ["body", "fixes"]), ({}, ["body", "fixes"])]
)
def test_unknown_fixes_are_refused_naming_the_known(alice: Person, address: str, body: Any, place: list[Any]) -> None:
    reply = alice.http("POST", f"{address}/fixes", body)
    problem = reply.json()
    assert reply.status == 422
    assert problem["errors"][0]["loc"] == place
    if body.get("fixes"):
        assert all(
            name in problem["errors"][0]["msg"]
            for name in ("drop_duplicates", "drop_leaks", "drop_conflicts", "drop_empty", "mask_personal")
        )


def test_the_same_options_say_it_of_an_upload(alice: Person, address: str) -> None:
    known = alice.http("GET", "/api/v1/openapi.json").json()
    body = known["paths"]["/api/v1/workspaces/{ws}/datasets/{name}/versions"]["post"]["requestBody"]["content"]["application/json"][
        "schema"
    ]
    assert "drop_duplicates" in str(body["properties"]["options"]["properties"]["fixes"])
    bodies = [
        {"uploads": [upload(alice, b"text,label\nx,1\n")], "options": options}
        for options in ({"fixes": []}, {}, {"fixes": ["drop_everything"]})
    ]
    replies = [alice.http("POST", address.removesuffix("/1"), body) for body in bodies]
    assert [reply.status for reply in replies] == [202, 200, 422], "no fixes are the same options as none said"
    assert replies[2].json()["errors"][0]["loc"] == ["body", "options", "fixes", 0]


def test_who_may_fix(alice: Person, bob: Person, viewer: Person, address: str) -> None:
    body = {"fixes": ["drop_leaks"]}
    assert [who.http("POST", f"{address}/fixes", body).status for who in (viewer, bob)] == [403, 404]
    assert [who.http("GET", f"{address}/fixes").status for who in (viewer, bob)] == [200, 404]
    page = seen(browser(viewer), f"{PAGE}/fix")
    assert "Only editors can make a version." in page
    browser(viewer).post(f"{PAGE}/fix", {"fix": ["drop_leaks"]})
    assert DatasetVersion.objects.count() == 1
    new_version(alice, data=b"text\nother\n")
    assert alice.http("POST", address.replace("/1", "/2") + "/fixes", body).json()["code"] == "not_ready"


def test_the_rows_of_a_finding_can_be_opened(alice: Person, address: str) -> None:
    rows = alice.http("GET", f"{address}/rows?finding=leakage").json()
    assert ([(item["split"], item["row"]) for item in rows["items"]], rows["total"]) == ([("train", 2), ("train", 3)], 2)
    assert alice.http("GET", f"{address}/rows?finding=leakage&filter=label:eq:b").json()["total"] == 1
    assert alice.http("GET", f"{address}/rows?finding=conflicts").json() == {"items": [], "total": 0, "next_offset": None}
    assert alice.http("GET", f"{address}/rows?finding=luck").status == 422
    client = browser(alice)
    health = seen(client, f"{PAGE}/health")
    for text in ("2 rows are also in test", "1 phone number", "1 row is empty", "split=train&amp;row=4", "?finding=phone"):
        assert text in health
    assert "13812345678" not in health
    shown = seen(client, f"{PAGE}?finding=leakage")
    assert "1–2 of 2" in shown
    assert "good cup" not in shown
    whole = seen(client, PAGE)
    for badge in ("Duplicate", "Also in test", "Empty", "Personal data"):
        assert f'<span class="badge warn">{badge}</span>' in whole
    row = seen(client, f"{PAGE}?split=train&row=2")
    assert ("4 characters</dd>" in row, "Also in test</dd>" in row) == (True, True)
    assert "Fixing all makes v2 with 4 rows. v1 stays as it is." in whole


def test_the_page_shows_the_change_and_makes_the_version(alice: Person, found: DatasetVersion) -> None:
    client: Client = browser(alice)
    every = seen(client, f"{PAGE}/fix")
    assert every.count("data-send checked") == 4
    assert "Call 138****78 now, ask for Ann" in every
    assert "13812345678" not in every
    one = seen(client, f"{PAGE}/fix?chosen=1&fix=drop_empty")
    assert (one.count("data-send checked"), "Rows then</dt><dd>6</dd>" in one, "138****78" in one) == (1, True, False)
    none = seen(client, f"{PAGE}/fix?chosen=1")
    assert (none.count("data-send checked"), "Make v2" in none) == (0, False)
    made = client.post(f"{PAGE}/fix", {"fix": ["drop_empty", "drop_leaks"]})
    assert (made.status_code, made.url) == (302, "/w/acme/datasets/reviews/2")  # type: ignore[attr-defined]
    version = DatasetVersion.objects.get(version=2)
    assert (version.options["fixes"], version.fixed_from) == (["drop_leaks", "drop_empty"], 1)
    source = seen(client, "/w/acme/datasets/reviews/2/source")
    assert "Drop empty rows" in source
    assert "v1, fixed" in seen(client, "/w/acme/datasets/reviews/2/versions")
    client.post(f"{PAGE}/fix", {"fix": ["drop_everything"]})
    client.post(f"{PAGE}/fix", {})
    assert DatasetVersion.objects.count() == 2


def test_a_new_job_leads_from_the_leak_to_its_fix(alice: Person, found: DatasetVersion) -> None:
    page = seen(browser(alice), "/w/acme/jobs/new?dataset=reviews@1&recipe=text-classification/majority")
    assert f"{PAGE}/fix?fix=drop_leaks" in page
