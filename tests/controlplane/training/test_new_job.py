"""The New job form fills itself in so that pressing Start works, and says what it had to guess."""

import re
from pathlib import Path

import duckdb
from controlplane import artifacts
from controlplane.data.models import DatasetVersion
from django.test import Client

from tests.controlplane.training.conftest import Desk


def browser(desk: Desk) -> Client:
    client = desk.people.alice.in_browser().http
    client.handler.enforce_csrf_checks = False
    return client


def chips(form: str) -> dict[str, bool]:
    """`role=column` of each button → whether it is the one in use."""
    found = re.findall(r'name="set" value="(c-[^"]+)" aria-pressed="(\w+)"', form)
    return {value: pressed == "true" for value, pressed in found}


def tickets(desk: Desk) -> None:
    """Two texts and two columns of classes, none with a usual name."""
    desk.reviews("tickets", number="text", subject="category", queue="category")
    version = DatasetVersion.objects.get(dataset__name="tickets")
    version.features = {"number": "text", "subject": "category", "message": "text", "queue": "category", "other": "category"}
    lengths = {"number": 6.0, "message": 39.0}
    classes = {"subject": 12, "queue": 3, "other": 1}
    version.statistics["columns"] = {
        name: {"type": "text", "lengths": {"mean": mean}, "distinct": 90} for name, mean in lengths.items()
    } | {
        name: {"type": "category", "nulls": 0, "distinct": count, "values": [[f"{name} {n}", 30] for n in range(count)]}
        for name, count in classes.items()
    }
    version.columns = list(version.features)
    version.save()


def test_columns_that_could_be_several_are_chosen_and_said(desk: Desk) -> None:
    tickets(desk)
    desk.host()
    people = desk.people
    asked = people.alice.post("…/jobs", {"recipe": "text-classification/finetune", "dataset": "tickets"})
    assert asked.status == 422, "a program has to name them"
    page = browser(desk)
    form = page.get("/w/acme/jobs/new?dataset=tickets@1").content.decode()
    assert "Several columns would fit; these were chosen" in form
    assert "Text: message · Label: queue" in form
    assert chips(form) == {
        "c-text=message": True, "c-text=number": False, "c-label=queue": True, "c-label=subject": False, "c-label=other": False,
    }  # fmt: skip
    assert "Use number as Text" in form
    page.post("/w/acme/jobs/new", {"recipe": "text-classification/finetune", "dataset": "tickets@1", "preset": "balanced"})
    assert people.alice.get("…/jobs/1").body["columns"] == {"text": "message", "label": "queue"}


def test_a_chosen_column_leaves_the_other_guess_and_can_be_taken_back(desk: Desk) -> None:
    tickets(desk)
    form = (
        browser(desk)
        .post("/w/acme/jobs/new", {"recipe": "text-classification/finetune", "dataset": "tickets@1", "set": "c-label=subject"})
        .content.decode()
    )
    assert "Text: message · Label: subject" in form
    found = chips(form)
    assert "c-text=number" in found
    assert (found["c-label=subject"], found["c-label=queue"]) == (True, False), "the way back stays"


def shop(desk: Desk) -> DatasetVersion:
    """What preparing says of a Chinese table: ids and dates read as texts, messages that repeat and so were taken for categories."""
    texts = {"工单编号": (100, 10, 10), "提交日期": (80, 8, 10)}
    categories = {"渠道": 2, "客户留言": 45, "工单类别": 4}
    features = dict.fromkeys(texts, "text") | dict.fromkeys(categories, "category")
    desk.reviews("shop", values=[["x", 50], ["y", 50]])
    version = DatasetVersion.objects.get(dataset__name="shop")
    version.features, version.columns = features, list(features)
    known = {
        name: {"type": "text", "nulls": 0, "distinct": distinct, "lengths": {"min": low, "max": high, "mean": high}}
        for name, (distinct, low, high) in texts.items()
    }
    for name, count in categories.items():
        values = [[f"{name} {n}", 100 // count] for n in range(count)]
        lengths = {"min": 4, "max": 30, "mean": 22.0 if name == "客户留言" else 3.0}
        known[name] = {"type": "category", "nulls": 0, "distinct": count, "values": values, "lengths": lengths}
    version.statistics = {"rows": 100, "columns": known}
    version.save()
    return version


def test_ids_and_dates_are_no_texts_and_a_name_that_ends_like_a_label_is_one(desk: Desk) -> None:
    shop(desk)
    form = browser(desk).get("/w/acme/jobs/new?dataset=shop@1").content.decode()
    assert "Text: 客户留言 · Label: 工单类别" in form
    assert "Not used: 工单编号, 提交日期, 渠道" in form
    text = form.split('id="c-text"')[1].split("</select>")[0]
    assert re.search(r'<option value="" selected>客户留言, by name and type</option>', text), text
    pair = form.split('id="c-text_pair"')[1].split("</select>")[0]
    assert re.search(r'<option value="" selected>None</option>', pair), pair
    label = form.split('id="c-label"')[1].split("</select>")[0]
    assert "提交日期" not in label, "a type the role refuses is not offered"


def test_an_optional_column_found_by_its_name_can_be_left_out(desk: Desk) -> None:
    desk.reviews("pairs", text_pair="text")
    page, sent = browser(desk), {"recipe": "text-classification/finetune", "dataset": "pairs@1", "preset": "balanced", "c-text": "review"}
    assert "Second text: text_pair" in page.post("/w/acme/jobs/new", sent | {"refresh": "1"}).content.decode()
    page.post("/w/acme/jobs/new", sent | {"c-text_pair": "-"})
    job = desk.people.alice.get("…/jobs/1").body
    assert "text_pair" not in {role for role, name in job["columns"].items() if name}
    clone = page.get("/w/acme/jobs/new?clone=1").content.decode()
    assert '<option value="-" selected>None</option>' in clone, "a copy leaves it out as well"


def rows(version: DatasetVersion, split: str, sql: str, folder: Path) -> None:
    """Rows of a split as preparing would have stored them."""
    path = folder / f"{split}.parquet"
    duckdb.connect().execute(f"COPY ({sql}) TO '{path}' (FORMAT parquet)")
    uri = f"ws/{version.dataset.workspace_id}/{version.pk}/{path.name}"
    version.shards = {**version.shards, split: [{"name": path.name, "uri": uri, "size": artifacts.put_file(uri, path), "sha256": "0" * 64}]}
    version.save()


def test_the_chosen_columns_are_looked_through(desk: Desk, tmp_path: Path) -> None:
    """Preparing looked at all columns together, where every row differs; the two that are learnt from say something else."""
    version = DatasetVersion.objects.get(dataset__name="reviews")
    version.features |= {"ticket": "text"}
    version.columns = list(version.features)
    version.shards = {}
    columns = "'The lid is broken ' || (i % 30) AS review, if(i = 3, 'bad', 'good') AS stars, 1.0 AS price, 'TK' || i AS ticket"
    some = f"SELECT {columns}"
    rows(version, "train", f"{some} FROM range(80) r(i)", tmp_path)
    rows(version, "test", f"{some} FROM range(100, 102) r(i)", tmp_path)
    page, sent = browser(desk), {"recipe": "text-classification/finetune", "dataset": "reviews@1", "refresh": "1"}
    form = page.post("/w/acme/jobs/new", sent | {"c-text": "review", "c-label": "stars"}).content.decode()
    assert "1 input carries two labels" in form
    assert "6 rows are also in test" in form
    assert "The data can be learnt from" not in form
    form = page.post("/w/acme/jobs/new", sent | {"c-text": "ticket", "c-label": "stars"}).content.decode()
    assert "ticket looks like an id" in form
    assert 'value="c-text=review"' in form, "what would have been found is offered"
    assert "two labels" not in form


def test_too_few_steps_are_said_with_the_epochs_that_help(desk: Desk) -> None:
    page, sent = browser(desk), {"recipe": "text-classification/finetune", "dataset": "reviews@1", "refresh": "1", "preset": "balanced"}
    form = page.post("/w/acme/jobs/new", sent).content.decode()
    assert "Only 9 steps: the model may learn little" in form
    epochs = re.search(r'name="set" value="p-epochs=(\d+)"', form)
    assert epochs
    assert epochs[1] == "34", "100 steps of 3 an epoch"
    assert "the model may learn little" not in page.post("/w/acme/jobs/new", sent | {"p-epochs": epochs[1]}).content.decode()


def test_a_setting_out_of_range_is_named_and_marked(desk: Desk) -> None:
    sent = {"recipe": "text-classification/finetune", "dataset": "reviews@1", "refresh": "1", "preset": "balanced", "p-epochs": "0"}
    form = browser(desk).post("/w/acme/jobs/new", sent).content.decode()
    assert "Out of range: Epochs" in form
    assert 'href="#p-epochs"' in form
    assert re.search(r'id="p-epochs"[^>]*aria-invalid="true"', form)
    assert "This cannot be accepted yet" not in form, "nothing was sent yet"
    assert "Step limit no limit" in form


def test_another_language_and_a_reload_keep_what_was_chosen(desk: Desk) -> None:
    tickets(desk)
    page = browser(desk)
    sent = {"recipe": "text-classification/finetune", "dataset": "tickets@1", "c-label": "subject", "p-epochs": "7", "preset": "best"}
    address = page.post("/w/acme/jobs/new", sent | {"refresh": "1", "p-batch_size": "32"})["HX-Replace-Url"]
    assert "p-batch_size" not in address, "what was not changed does not lengthen it"
    form = page.get(address).content.decode()
    assert "Label: subject" in form
    assert re.search(r'id="p-epochs" name="p-epochs" value="7"', form)
    said = page.post(
        "/preferences/language",
        {"language": "zh-hans", "next": "/w/acme/jobs/new?dataset=tickets@1"},
        headers={"Referer": f"http://testserver{address}"},
    )
    assert said["Location"] == address
    other = page.post(
        "/preferences/language", {"language": "en", "next": "/w/acme/jobs"}, headers={"Referer": f"http://testserver{address}"}
    )
    assert other["Location"] == "/w/acme/jobs"
