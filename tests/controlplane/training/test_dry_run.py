"""The dry run: every check has a stable code, what was not looked at is not called right, and what only misleads is a warning."""

from controlplane.data.models import DatasetVersion
from controlplane.jobs.models import Job

from tests.controlplane.training.conftest import Desk


def checks(desk: Desk, **body: object) -> dict[str, dict[str, object]]:
    answer = desk.ask(dry=True, **body)
    assert answer.status == 200, answer.body
    return {check["id"]: check for check in answer.body["checks"]}


def test_a_request_that_holds_passes_every_check(desk: Desk) -> None:
    desk.reviews("many", splits={"train": 8000, "validation": 1000, "test": 1000})
    found = checks(desk, dataset="many@1")
    assert list(found) == ["recipe", "dataset", "params", "columns", "base_model", "resources", "data"]
    assert {(check["ok"], check["code"]) for check in found.values()} == {(True, None)}
    assert not Job.objects.exists()


def test_settings_and_columns_fail_side_by_side_with_codes_and_places(desk: Desk) -> None:
    found = checks(desk, params={"epochs": 0}, columns={"text": "nothing"})
    assert {name: check["code"] for name, check in found.items() if not check["ok"]} == {"params": "invalid_params", "columns": "columns"}
    assert found["params"]["places"][0]["loc"] == ["body", "params", "epochs"]  # type: ignore[index]
    assert "data" not in found, "what was not looked at is not said to be right"


def test_each_refusal_keeps_its_own_code(desk: Desk) -> None:
    desk.host()
    for body, place, code in (
        ({"recipe": "text-classification/finetun"}, "recipe", "unknown_recipe"),
        ({"dataset": "nothing"}, "dataset", "unknown_dataset"),
        ({"base_model": "nothing"}, "base_model", "unknown_base_model"),
        ({"base_model": "a/b/c"}, "base_model", "bad_hub_id"),
        ({"resources": {"device": "cuda"}}, "resources", "no_such_device"),
    ):
        found = checks(desk, **body)
        assert found[place]["code"] == code, body
        assert not found[place]["ok"]


def test_test_rows_in_training_and_too_little_memory_are_warnings(desk: Desk) -> None:
    version = DatasetVersion.objects.get(dataset__name="reviews")
    version.statistics |= {"health": {"leakage": 12}}
    version.save()
    desk.host(memory=1 << 28)
    found = checks(desk)
    assert [(found[name]["ok"], found[name]["warning"], found[name]["code"]) for name in ("leakage", "memory")] == [
        (True, True, "leakage"),
        (True, True, "will_not_fit"),
    ]
    assert desk.ask().status == 201, "a warning keeps nobody from starting"
