"""The list of datasets: kinds of data with their counts, filters by state and person, the columns each person keeps."""

import pytest
from controlplane.data.kinds import kind_of

from tests.controlplane.data.conftest import Person, make_ready, new_version, parquet, person
from tests.controlplane.data.test_pages import LIST, browser, plain, seen


def heads(page: str) -> list[str]:
    table = page.split("<thead>")[1].split("</thead>")[0]
    return [cell.split("</a>")[0].rsplit(">", 1)[-1] for cell in table.split("</th>")[:-1]] if "<th" in table else []


@pytest.mark.parametrize(
    ("features", "kind"),
    [
        ({"text": "text", "label": "category"}, "text"),
        ({"messages": "list"}, "chat"),
        ({"tags": "list", "body": "text"}, "text"),
        ({"a": "number", "species": "category"}, "table"),
        ({"image": "image", "caption": "text"}, "image"),
        ({"audio": "audio", "text": "text"}, "audio"),
    ],
)
def test_the_kind_of_data_is_told_by_its_columns(features: dict[str, str], kind: str) -> None:
    assert kind_of(features) == kind


def test_kinds_are_counted_and_filtered(alice: Person, tmp_path) -> None:
    shard = parquet(tmp_path, "t.parquet", "SELECT 'a' AS text, 'b' AS label")
    make_ready(new_version(alice), {"text": "text", "label": "category"}, {"train": [shard]})
    for name, kind in (("talk", "chat"), ("cats", "image"), ("dogs", "image")):
        plain(alice, name, kind=kind, splits={"train": 1200})
    client = browser(alice)
    page = seen(client, LIST)
    for word, count in (("All", 4), ("Text", 1), ("Chat", 1), ("Images", 2)):
        assert f'{word} <span class="opacity-80">{count}</span>' in page
    assert "Audio <span" not in page
    assert "1,200 images" in page
    images = seen(client, f"{LIST}?kind=image")
    assert ["d-cats" in images, "d-dogs" in images, "d-talk" in images] == [True, True, False]
    assert alice.http("GET", f"{alice.base}/datasets/reviews").json()["newest"]["kind"] == "text"


def test_the_list_is_filtered_by_who_made_it(alice: Person) -> None:
    omar = person("omar", alice.workspace, "editor")
    for who, name in ((alice, "hers"), (omar, "his")):
        version = plain(who, name)
        version.dataset.created_by = who.user
        version.dataset.save()
    page = seen(browser(alice), f"{LIST}?by={omar.user.pk}&sort=name")
    assert ["d-his" in page, "d-hers" in page] == [True, False]
    assert f"<span>{omar.user}</span>" in page, "the menu's button says whose"
    assert f'name="by" value="{omar.user.pk}"' in page, "a search stays within it"
    assert "d-hers" in seen(browser(alice), f"{LIST}?by=nobody")


def test_columns_are_chosen_and_kept_for_the_person(alice: Person, viewer: Person) -> None:
    plain(alice, "reviews", columns=["text", "label"])
    client = browser(alice)
    assert heads(seen(client, LIST))[1:3] == ["Type", "Amount"]
    answer = client.post("/w/acme/dataset-columns", {"column": ["creator", "columns", "size", "nonsense"], "back": f"{LIST}?sort=name"})
    assert (answer.status_code, answer.url) == (302, f"{LIST}?sort=name")  # type: ignore[attr-defined]
    page = seen(client, LIST)
    assert heads(page) == ["Name", "Size", "Columns", "Creator"]
    assert "text, label" in page
    assert "Amount" in heads(seen(browser(viewer), LIST)), "another person's own"
    assert client.post("/w/acme/dataset-columns", {"back": "https://example.org"}).url == LIST  # type: ignore[attr-defined]
    assert heads(seen(client, LIST)) == ["Name"]


def test_a_finding_counts_once_on_the_list_and_on_its_page(alice: Person) -> None:
    health = {"leakage": 2, "duplicates": 0, "empty": 1, "personal": {"rows": 3, "phone": 2, "email": 1}}
    plain(alice, "found", statistics={"health": health, "columns": {"a": {"nulls": 4}}}, features={"a": "text"}, splits={"train": 9})
    assert "4 findings" in seen(browser(alice), LIST)
    assert 'Health <span class="n">4</span>' in seen(browser(alice), f"{LIST}/found/1/versions")
