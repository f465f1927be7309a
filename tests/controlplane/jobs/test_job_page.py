"""The page of one job: what can be done in each state, what its tabs show, and what it does not claim."""

import re
from typing import Any

import pytest
from controlplane.jobs import store
from controlplane.jobs.models import Checkpoint, Job, Sample
from controlplane.jobs.transitions import now
from django.db import transaction

from tests.controlplane.jobs.rows import job_rows
from tests.people import People, Person
from workers.contract.events import Event

pytestmark = pytest.mark.django_db


@pytest.fixture
def alice(people: People) -> Person:
    return people.alice.in_browser()


def page(person: Person, tab: str = "", **fields: Any) -> str:
    job = job_rows(person.workspace, person.user, 1, **fields)[0]
    return text_of(person, job, tab)


def text_of(person: Person, job: Job, tab: str = "") -> str:
    return str(person.get(f"/w/acme/jobs/{job.number}{tab}").body.decode())


def checkpoint(job: Job, step: int, **more: Any) -> None:
    files = [{"name": "model/x", "uri": f"ws/x/{step}", "size": 9, "sha256": "0"}]
    Checkpoint.objects.create(job=job, attempt=1, step=step, files=files, created_at=now(), **more)


@pytest.mark.parametrize(
    ("state", "there", "missing"),
    [
        ("queued", ["Take out of the queue", "Clone"], ["Resume from", "Deploy</a>"]),
        ("running", ["Stop and discard", "Clone"], ["Resume from", "Deploy</a>"]),
        ("cancelled", ["Resume from step 250", "Clone"], ["Stop and discard"]),
        ("succeeded", ["Deploy</a>", "/compare?jobs=1", "Clone"], ["Resume from", "Stop and discard"]),
    ],
)
def test_the_actions_fit_the_state(alice: Person, state: str, there: list[str], missing: list[str]) -> None:
    model = "reviews@1" if state == "succeeded" else ""
    job = job_rows(alice.workspace, alice.user, 1, state=state, model=model)[0]
    checkpoint(job, 250)
    text = text_of(alice, job)
    assert [words for words in there if words not in text] == []
    assert [words for words in missing if words in text] == []


def test_a_training_that_stopped_early_says_so_and_which_step_it_kept(alice: Person) -> None:
    asked = {"params": {"early_stopping_patience": 8}}
    early, whole = job_rows(alice.workspace, alice.user, 2, work=asked, progress={"step": 58, "total_steps": 300})
    Job.objects.filter(pk=whole.pk).update(progress={"step": 300, "total_steps": 300})
    checkpoint(early, 34, best=True, metrics={"eval/accuracy": 0.9, "eval/loss": 0.3, "eval/f1_macro": 0.88})
    checkpoint(early, 60)
    checkpoint(whole, 300, best=True)
    text = text_of(alice, early)
    assert "Stopped early at step 60: no better for 8 evaluations. Kept step 34, the best by “Validation: Macro F1”." in text
    assert "<dt>Step</dt><dd>60 / 300</dd>" in text
    assert "Stopped early" not in text_of(alice, whole)
    points = text_of(alice, early, "/checkpoints")
    assert "Best by “Validation: Macro F1”." in points
    assert points.index('title="eval/f1_macro"') < points.index('title="eval/accuracy"')


def test_a_stop_keeps_the_newest_checkpoint_and_offers_the_best(alice: Person) -> None:
    job = job_rows(alice.workspace, alice.user, 1, state="running", finished_at=None)[0]
    checkpoint(job, 16, best=True)
    checkpoint(job, 24)
    assert "Stop and keep the newest checkpoint, step 24 or later" in text_of(alice, job)
    Job.objects.filter(pk=job.pk).update(state="cancelled", model="reviews@1", finished_at=now())
    text = text_of(alice, job)
    assert "The model is of the newest checkpoint, step 24." in text
    assert f'action="/w/acme/jobs/{job.number}/checkpoints/16"' in text.split('id="job-tabs"')[0]
    job.checkpoints.filter(step=24).delete()
    assert "The model is of the newest" not in text_of(alice, job), "the newest is the best"


def test_work_that_is_no_training_shows_only_what_it_has(alice: Person) -> None:
    asked = {"model": {"name": "triage", "version": 3}}
    text = page(alice, kind="predict", work=asked, metrics={}, progress={"step": 320, "total_steps": 320})
    head, tabs = re.search(r'<dl class="facts two">(.*?)</dl>', text, re.S), re.findall(r'href="/w/acme/jobs/1/(\w+)"', text)
    assert head
    assert "<dt>Rows</dt><dd>320 / 320</dd>" in head[1]
    assert "steps/s" not in head[1]
    assert not {"metrics", "samples", "checkpoints"} & set(tabs)
    assert {"logs", "evaluation", "config", "events"} <= set(tabs)
    assert "No checkpoint yet" not in text
    assert "/compare?jobs=" not in page(alice, kind="evaluate"), "only trainings are compared"
    assert "triage v3, deleted" in text, "the line names the model that was asked"
    assert "<dt>Step</dt>" not in page(alice, kind="prepare", metrics={}, progress={"step": 50, "total_steps": 100})


def test_a_failed_job_opens_on_its_log_with_the_fix_as_a_button(alice: Person) -> None:
    error = {"code": "out_of_memory", "message": "It needed 24.5 GB.", "hint": ""}
    work = {"params": {"batch_size": 16}}
    job = job_rows(alice.workspace, alice.user, 1, state="failed", error=error, work=work, log_lines=7)[0]
    checkpoint(job, 250)
    text = text_of(alice, job)
    assert '/logs" aria-current="page"' in text
    assert "Retry with batch size 4" in text
    assert "Resume from step 250 with batch size 4" in text
    assert 'data-error="7"' in text


def test_a_viewer_sees_what_is_blocked_and_why(people: People) -> None:
    viewer = people.member("vera", "viewer").in_browser()
    text = page(viewer, state="running", finished_at=None)
    assert "Only editors can change jobs." in text
    assert '<button class="btn danger" disabled aria-describedby="only-editors">' in text
    assert "stop-menu" not in text


def test_what_has_no_better_has_no_best(alice: Person) -> None:
    text = page(alice, "/metrics")
    assert '<td class="num">0.95</td>' in text
    row = text[text.index('title="train/learning_rate">') :].split("</tr>")[0]
    assert row.endswith('<td class="num"></td>')


def test_the_tabs_count_and_reload_by_themselves_while_the_job_lives(alice: Person) -> None:
    job = job_rows(alice.workspace, alice.user, 1, state="running", finished_at=None)[0]
    checkpoint(job, 100)
    target = {"HX-Request": "true", "HX-Request-Type": "partial", "HX-Target": "nav#job-tabs"}
    before = alice.get("/w/acme/jobs/1/logs", **target).body.decode()
    checkpoint(job, 200)
    after = alice.get("/w/acme/jobs/1/logs", **target).body.decode()
    assert ('Checkpoints <span class="n">1</span>' in before, 'Checkpoints <span class="n">2</span>' in after) == (True, True)
    assert "<html" not in after
    assert 'hx-trigger="job-checkpoint from:body, job-sample from:body"' in after


def test_samples_are_walked_by_step_and_a_prompt_can_be_followed(alice: Person) -> None:
    job = job_rows(alice.workspace, alice.user, 1)[0]
    for step in (100, 200, 300):
        for prompt in ("cup", "lid"):
            data = {"title": prompt, "prompt": f"about the {prompt}", "output": f"{prompt} at {step}", "kind": "text"}
            Sample.objects.create(job=job, step=step, cursor=0, data=data, created_at=now())
    text = text_of(alice, job, "/samples")
    assert ("cup at 300" in text, "cup at 200" in text) == (True, False)
    middle = text_of(alice, job, "/samples?step=200")
    assert 'data-sample="before" href="/w/acme/jobs/1/samples?step=100"' in middle
    assert 'data-sample="after" href="/w/acme/jobs/1/samples?step=300"' in middle
    pinned = middle.split("&amp;prompt=")[1][:12]
    followed = text_of(alice, job, f"/samples?step=200&prompt={pinned}")
    assert [f"cup at {step}" in followed for step in (100, 200, 300)] == [True, True, True]
    assert "lid at" not in followed


def test_a_table_on_the_way_is_drawn_as_one(alice: Person) -> None:
    job = job_rows(alice.workspace, alice.user, 1)[0]
    data = {"title": "confusion matrix, test", "prompt": "", "output": "\tgood\t<b>\ngood\t12\t3\n<b>\t0\t9", "kind": "table"}
    Sample.objects.create(job=job, step=3, cursor=0, data=data, created_at=now())
    text = text_of(alice, job, "/samples")
    assert "<h2>Confusion matrix (test)</h2>" in text, "alone, it gives its card the name"
    assert text.count("Confusion matrix (test)") == 1
    assert '<td class="fine free">actual \\ predicted</td><th scope="col" class="num">good</th>' in text
    assert '<th scope="col" class="num">&lt;b&gt;</th>' in text
    assert '<th scope="row">good</th><td class="num">12</td><td class="num">3</td>' in text
    Sample.objects.create(job=job, step=4, cursor=0, data=data, created_at=now())
    assert "<h2>Samples</h2>" in text_of(alice, job, "/samples")


def test_settings_are_written_as_the_api_takes_them(alice: Person) -> None:
    text = page(alice, "/config", work={"params": {"class_weights": False, "text_prefix": "auto", "max_steps": None}})
    written = dict(re.findall(r'<td class="mono">([^<]*)</td><td class="mono">([^<]*)</td>', text))
    assert written == {"class_weights": "false", "text_prefix": "auto", "max_steps": "–"}


def test_a_job_that_ended_without_a_model_promises_none(alice: Person) -> None:
    assert "None: the job ended without one" in page(alice, state="failed", error={"code": "internal", "message": "x"})
    assert "Registered when the job ends" in page(alice, state="running", finished_at=None)


def drawn(text: str) -> list[str]:
    """The lines of the log as the page itself shows them: number and text."""
    return [
        f"{number} {line}"
        for number, line in re.findall(r'<div class="row[^"]*"><a href="#L(\d+)".*?<span class="text">(.*?)</span>', text)
    ]


def test_the_first_lines_of_a_log_can_be_read_before_any_script(alice: Person) -> None:
    job = job_rows(alice.workspace, alice.user, 1)[0]
    texts = [f"line {n}" for n in range(1, 199)] + ["\x1b[31m<b>red</b>\x1b[0m", " 50 %\r100 %\r"]
    events = [Event(seq=n, time=n, type="log", data={"level": "info", "text": text}) for n, text in enumerate(texts, 1)]
    with transaction.atomic():
        store.append(job=job.pk, attempt=1, rank=0, first_seq=1, events=events)
    lines = drawn(text_of(alice, job, "/logs"))
    assert lines[-3:] == ["198 line 198", "199 &lt;b&gt;red&lt;/b&gt;", "200 100 %"]
    assert lines[0] == "141 line 141"


def test_a_failed_job_shows_its_error_among_the_first_lines(alice: Person) -> None:
    job = job_rows(alice.workspace, alice.user, 1, state="failed", error={"code": "crashed", "message": "It broke."})[0]
    levels = {n: "error" if n == 100 else "info" for n in range(1, 201)}
    events = [Event(seq=n, time=n, type="log", data={"level": level, "text": f"line {n}"}) for n, level in levels.items()]
    with transaction.atomic():
        store.append(job=job.pk, attempt=1, rank=0, first_seq=1, events=events)
    lines = drawn(text_of(alice, job, "/logs"))
    assert "100 line 100" in lines[-10:]
