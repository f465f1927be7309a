"""The New job form fills itself in so that pressing Start works, and says what it had to guess."""

import re

from controlplane.data.models import DatasetVersion
from django.test import Client

from tests.controlplane.training.conftest import Desk


def browser(desk: Desk) -> Client:
    client = desk.people.alice.in_browser().http
    client.handler.enforce_csrf_checks = False
    return client


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
    others = set(re.findall(r'name="set" value="(c-[^"]+)"', form))
    assert others == {"c-text=number", "c-label=subject", "c-label=other"}
    page.post("/w/acme/jobs/new", {"recipe": "text-classification/finetune", "dataset": "tickets@1", "preset": "balanced"})
    assert people.alice.get("…/jobs/1").body["columns"] == {"text": "message", "label": "queue"}


def test_a_chosen_column_leaves_the_other_guess(desk: Desk) -> None:
    tickets(desk)
    form = (
        browser(desk)
        .post("/w/acme/jobs/new", {"recipe": "text-classification/finetune", "dataset": "tickets@1", "set": "c-label=subject"})
        .content.decode()
    )
    assert "Text: message · Label: subject" in form
    assert "c-text=number" in form
    assert "c-label=queue" not in form
