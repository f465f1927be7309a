"""Training jobs that cannot work are refused before anything is queued, with every wrong place and the way out."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

from controlplane.jobs.models import Job
from controlplane.jobs.scheduler import schedule
from controlplane.registry.models import Model
from django.db import connection

from tests.controlplane.training.conftest import Desk, places

OUT_OF_RANGE = (
    ("learning_rate", -1, "greater than"),
    ("learning_rate", "NaN", "finite number"),
    ("learning_rate", "Infinity", "finite number"),
    ("learning_rate", "1e400", "finite number"),
    ("learning_rate", 10**300, "less than"),
    ("learning_rate", [1], "valid number"),
    ("epochs", 10**9, "less than or equal to 1000"),
    ("epochs", 0, "greater than or equal to 1"),
    ("epochs", 1.5, "integer"),
    ("batch_size", "many", "integer"),
    ("seed", -1, "greater than"),
    ("seed", -(2**70), "exceeded maximum size"),
    ("precision", "fp8", "auto"),
)


def test_I39_a_param_out_of_range_is_named_with_its_range(desk: Desk) -> None:
    for field, value, bound in OUT_OF_RANGE:
        answer = desk.ask(params={field: value})
        assert (answer.status, places(answer)) == (422, [f"body.params.{field}"]), f"{field} {value}"
        assert bound in answer.body["errors"][0]["msg"], f"{field} {value}: {answer.body['errors']}"
    assert not Job.objects.exists()


def test_I39_numbers_that_json_or_a_double_cannot_hold(desk: Desk) -> None:
    for number in ("NaN", "Infinity", "1e400", "-1e999", "01", "0x10"):
        raw = '{"recipe": "text-classification/finetune", "dataset": "reviews", "params": {"learning_rate": ' + number + "}}"
        answer = desk.people.alice.call("POST", "…/jobs", raw=raw.encode())
        assert answer.status in {400, 422}, number
        assert answer.code in {"bad_json", "invalid_params"}, number


def test_I40_every_wrong_field_at_once(desk: Desk) -> None:
    answer = desk.ask(params={"epochs": 10**9, "learning_rate": -1, "lerning_rate": 1}, columns={"text": "revue", "label": "price"})
    assert answer.status == 422
    wanted = ["body.params.epochs", "body.params.learning_rate", "body.params.lerning_rate", "body.columns.text", "body.columns.label"]
    assert sorted(places(answer)) == sorted(wanted)
    said = {error["loc"][-1]: error["msg"] for error in answer.body["errors"]}
    assert "learning_rate" in said["lerning_rate"]
    assert "`review`" in said["text"]


def test_I41_a_label_of_the_wrong_type_or_absent(desk: Desk) -> None:
    desk.reviews("plain", values=[], **{"stars": "text", "price": "text"})
    answer = desk.ask(dataset="plain", columns={"label": "review"})
    assert (answer.status, places(answer)) == (422, ["body.columns.label"])
    assert "is text" in answer.body["errors"][0]["msg"]
    missing = desk.ask(dataset="plain", columns={"text": "review"})
    assert (missing.status, places(missing)) == (422, ["body.columns.label"])
    assert desk.ask(columns={"lable": "stars"}).status == 422


NOTHING_TO_LEARN = (
    ([["good", 100]], None, "one_class"),
    ([["bad", 99], ["good", 1]], None, "class_too_small"),
    (None, {"train": 100, "validation": 0, "test": 0}, "empty_split"),
    (None, {"train": 0, "validation": 50, "test": 50}, "empty_split"),
)


def test_I42_data_nothing_can_be_learnt_from(desk: Desk) -> None:
    for number, (values, splits, code) in enumerate(NOTHING_TO_LEARN):
        desk.reviews(f"odd-{number}", values, splits)
        for recipe in ("text-classification/finetune", "text-classification/majority"):
            answer = desk.ask(dataset=f"odd-{number}", recipe=recipe)
            assert (answer.status, answer.code) == (422, code), answer.body
            assert answer.body["hint"]
    assert not Job.objects.exists(), "before the job is queued"


def test_I44_more_memory_than_any_host_has(desk: Desk) -> None:
    desk.host(memory=8 << 30)
    answer = desk.ask(resources={"memory_bytes": 64 << 30})
    assert (answer.status, answer.code, places(answer)) == (422, "will_not_fit", ["body.resources.memory_bytes"])
    assert str(8 << 30) in answer.body["detail"]


def test_I45_a_gpu_where_there_is_none(desk: Desk) -> None:
    desk.host()
    answer = desk.ask(resources={"device": "cuda"})
    assert (answer.status, answer.code, places(answer)) == (422, "no_such_device", ["body.resources.device"])
    assert '"cpu"' in answer.body["hint"]
    assert desk.ask(recipe="text-classification/majority", resources={"device": "cuda"}).code == "wrong_device"
    assert desk.ask(resources={"count": 2}).code == "one_device_only"


def test_I45_what_waits_says_why(desk: Desk) -> None:
    job = desk.ask()
    assert (job.status, job.body["state"]) == (201, "queued")
    schedule()
    place = desk.people.alice.get(f"…/jobs/{job.body['id']}/queue").body
    assert place["position"] == 1
    assert place["reason"]


PATHS = ("/etc/passwd", "../../etc", "http://127.0.0.1:8000/x", "a/b/c", "file:///etc/passwd", "a/..", "./x/y", "~/x", "a/b?c=d")
SMUGGLED: tuple[dict[str, Any], ...] = (
    {"resume_from": "/tmp/x"},
    {"checkpoint": "rng_state.pth"},
    {"kind": "serve"},
    {"params": {"output_dir": "/tmp"}},
)


def test_A13_no_field_carries_a_path_or_an_address(desk: Desk) -> None:
    for reference in PATHS:
        answer = desk.ask(base_model=reference)
        assert (answer.status, places(answer)) == (422, ["body.base_model"]), reference
    for body in SMUGGLED:
        assert desk.ask(**body).status == 422, body
    assert not Job.objects.exists()


TEMPLATES = ("$SECRET_KEY", "${SECRET_KEY}", "{{ settings.SECRET_KEY }}", "%(secret)s", "`id`", "$(id)", "{0.__class__}")


def test_A29_text_stays_text(desk: Desk) -> None:
    for text in TEMPLATES:
        job = desk.ask(name=text, model_name="m")
        assert (job.status, job.body["name"]) == (201, text)
    assert set(Job.objects.values_list("name", flat=True)) == set(TEMPLATES)


def test_I66_a_double_click_starts_one_job(transactional_db: Any, desk: Desk) -> None:
    """The page sends a key with its form; both clicks carry it."""

    def click(_: int) -> int:
        body = {"recipe": "text-classification/majority", "dataset": "reviews@1"}
        answer = desk.people.alice.call("POST", "…/jobs", body, Idempotency_Key="one-click")
        connection.close()
        return answer.status

    with ThreadPoolExecutor(2) as pool:
        statuses = list(pool.map(click, range(2)))
    assert Job.objects.count() == 1
    assert 201 in statuses
    assert set(statuses) <= {201, 409}


def test_I66_a_form_from_a_stale_tab(desk: Desk) -> None:
    """What it names has ended meanwhile."""
    job = desk.ask().body["id"]
    alice = desk.people.alice
    assert alice.post(f"…/jobs/{job}/cancel", {"keep": False}).status == 200
    again = alice.post(f"…/jobs/{job}/cancel", {})
    assert (again.status, again.code) == (409, "job_ended")
    assert again.body["hint"]
    assert alice.post("…/jobs/999/cancel", {}).status == 404


def test_a_models_name_that_has_another_task_is_refused_before_the_job(desk: Desk) -> None:
    """Else the training would run to its end and its model have no place."""
    Model.objects.create(workspace=desk.people.alice.workspace, name="poet", task="text-generation")
    answer = desk.ask(model_name="poet")
    assert (answer.status, answer.code, places(answer)) == (409, "other_task", ["body.model_name"])
    assert "text-generation" in answer.body["detail"]
    assert "another `model_name`" in answer.body["hint"]
    assert desk.ask(name="Poet").code == "other_task"  # the name that would be made of it
    failed = [check for check in desk.ask(dry=True, model_name="poet").body["checks"] if not check["ok"]]
    assert [check["code"] for check in failed] == ["other_task"]
    assert desk.ask(model_name="critic").status == 201
