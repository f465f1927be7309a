"""The list of datasets: kinds of data with their counts, filters by state and person, the columns each person keeps."""

from pathlib import Path

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
    page = seen(browser(alice), f"{LIST}/found/1/health")
    assert 'Health <span class="n">4</span>' in page
    card = page.split("<h2>Health</h2>")[1].split("</section>")[0]
    assert '<span class="meta">4</span>' in card
    counted, remarks = card.split("Remarks, no findings")
    assert counted.count("check-line") == 4
    assert "4 empty cells in a" in remarks


def test_files_left_out_and_classes_of_next_to_no_rows_are_named(alice: Person) -> None:
    health = {"rejected": 1, "rejected_files": ["零件/IMG_4.png"], "small": [["举报", 2, 0]]}
    plain(alice, "parts", statistics={"health": health}, features={"a": "text"}, splits={"train": 9})
    page = seen(browser(alice), f"{LIST}/parts/1/health")
    assert "Could not be read: 零件/IMG_4.png" in page
    assert "举报 has only 2 rows" in page
    assert "None of them is in test: the result says nothing of it." in page
    assert "2 findings" in seen(browser(alice), LIST)


def test_texts_that_are_all_as_long_say_their_length_once(alice: Person, tmp_path: Path) -> None:
    shard = parquet(tmp_path, "train.parquet", "SELECT 'row ' || i AS text FROM range(100, 130) t(i)")
    lengths = {"min": 7, "max": 7, "mean": 7.0, "median": 7.0, "edges": [7, 8], "counts": [30]}
    statistics = {"columns": {"text": {"type": "text", "lengths": lengths}}}
    make_ready(new_version(alice), {"text": "text"}, {"train": [shard]}, statistics=statistics)
    page = seen(browser(alice), f"{LIST}/reviews/1")
    assert "7 characters" in page
    assert "7–7" not in page
