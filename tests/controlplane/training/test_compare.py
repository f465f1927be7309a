"""Comparing jobs: the table with what differs, its changes against the base, the drawing, the samples and the file."""

import re
from datetime import timedelta

import pytest
from controlplane.jobs.models import Job, Sample
from controlplane.jobs.transitions import now
from django.test import Client

from tests.controlplane.jobs.rows import job_rows
from tests.people import People, Person

pytestmark = pytest.mark.django_db


@pytest.fixture
def alice(people: People) -> Person:
    person = people.alice.in_browser()
    job_rows(person.workspace, person.user, 1, metrics={"eval/loss": {"last": 1.184, "min": 1.1, "max": 3.0, "best": 1.1, "step": 9}})
    better = {"eval/loss": {"last": 1.021, "min": 1.0, "max": 3.0, "best": 1.0, "step": 9}}
    job_rows(person.workspace, person.user, 1, metrics=better, work={"params": {"learning_rate": 1e-4, "epochs": 3, "batch_size": 16}})
    job_rows(person.workspace, person.user, 1, metrics={}, work={"params": {"learning_rate": 2e-4, "epochs": 3, "batch_size": 8}})
    return person


def cells(text: str, name: str) -> list[str]:
    """The words of each cell of the table's row with this head."""
    row = re.search(rf'<th scope="row">{re.escape(name)}</th>(.*?)</tr>', text, re.S)
    assert row, name
    return [" ".join(re.sub(r"<[^>]+>", " ", cell).split()) for cell in re.findall(r"<td[^>]*>(.*?)</td>", row[1], re.S)]


def test_it_shows_what_differs_against_the_base(alice: Person) -> None:
    text = alice.get("/w/acme/compare?jobs=2,1,3&base=1").body.decode()
    assert cells(text, "Validation: Loss") == ["best of the row 1.021 ▼ −0.163 better", "1.184", "–"]
    assert cells(text, "Batch size") == ["16", "16", "8 differs from the base"]
    assert '<th scope="row">Epochs</th>' not in text
    assert '<th scope="row">Epochs</th>' in alice.get("/w/acme/compare?jobs=2,1&all=1").body.decode()
    smallest = alice.get("/w/acme/compare?jobs=1,2&take=min").body.decode()
    assert cells(smallest, "Validation: Loss") == ["1.1", "best of the row 1 ▼ −0.1 better"]


def test_the_columns_a_job_read_are_compared(alice: Person) -> None:
    """What a job learnt from matters most of all that was asked."""
    for number, text in ((1, "review"), (2, "title"), (3, "review")):
        Job.objects.filter(number=number).update(work={"params": {}, "columns": {"text": text, "label": "label"}})
    page = alice.get("/w/acme/compare?jobs=1,2,3").body.decode()
    assert cells(page, "Column: Text") == ["review", "title differs from the base", "review"]
    assert "Column: Label" not in page, "both read the same"
    assert "Settings,Column: Text,review,title" in alice.get("/w/acme/compare.csv?jobs=1,2").body.decode()


def test_what_is_written_alike_differs_in_nothing(alice: Person) -> None:
    """16.01 s and 15.98 s are both 16 s: no star, and no change of −0 s."""
    for number, seconds in ((1, 16.01), (2, 15.98)):
        Job.objects.filter(number=number).update(started_at=now() - timedelta(seconds=seconds), finished_at=now())
    text = alice.get("/w/acme/compare?jobs=1,2&all=1").body.decode()
    assert cells(text, "Run time") == ["16 s", "16 s"]
    assert '<span aria-current="page">#1, #2</span>' in text, "the breadcrumb says which"


def test_jobs_are_added_removed_and_made_the_base_by_links(alice: Person) -> None:
    text = alice.get("/w/acme/compare?jobs=1,2&add=%233").body.decode()
    chips = re.findall(r'<li data-job="(\d+)">.*?aria-label="Remove', text)
    assert chips == ["1", "2", "3"]
    assert 'href="/w/acme/compare?jobs=2,3" aria-label="Remove #1"' in text
    assert 'href="/w/acme/compare?jobs=1,2,3&amp;base=3">make base</a>' in text
    assert "Choose two or more jobs" in alice.get("/w/acme/compare").body.decode()
    assert "Choose two or more jobs" in alice.get("/w/acme/compare?jobs=99,x,4e9").body.decode()


def test_one_job_is_no_comparison(alice: Person) -> None:
    text = alice.get("/w/acme/compare?jobs=1").body.decode()
    assert text.count("Add another job to see what differs.") == 1
    assert "Nothing differs here" not in text
    chooser = alice.get("/w/acme/compare").body.decode()
    assert '<button class="btn primary" data-least="2">' in chooser
    client = Client()
    client.force_login(alice.user, backend="allauth.account.auth_backends.AuthenticationBackend")
    answer = client.post("/w/acme/jobs/ticked", {"act": "compare"}, follow=True)
    assert answer.redirect_chain == [("/w/acme/compare", 302)]
    assert "Tick two or more jobs to compare them." in answer.content.decode()


def test_jobs_of_other_workspaces_are_not_there(alice: Person, people: People) -> None:
    job_rows(people.bob.workspace, people.bob.user, 5, name="bobs secret")
    text = alice.get("/w/acme/compare?jobs=1,5").body.decode()
    assert "bobs secret" not in text
    assert alice.get("/w/bobs/compare?jobs=1,5").status == 404


def test_samples_of_the_same_step_stand_side_by_side(alice: Person) -> None:
    for number, job in enumerate(Job.objects.order_by("number"), 1):
        for step in (100, 200):
            data = {"title": "greeting", "prompt": "Hello", "output": f"answer {number} at {step}", "kind": "text"}
            Sample.objects.create(job=job, step=step, cursor=0, data=data, created_at=now())
    matrix = {"title": "confusion matrix", "prompt": "", "output": "\tgood\tbad\ngood\t3\t1", "kind": "table"}
    Sample.objects.create(job=Job.objects.get(number=1), step=200, cursor=0, data=matrix, created_at=now())
    assert '<th scope="row">good</th><td class="num">3</td>' in alice.get("/w/acme/compare?jobs=1,2&prompt=2").body.decode()
    text = alice.get("/w/acme/compare?jobs=1,2").body.decode()
    assert "answer 1 at 200" in text
    assert "answer 2 at 200" in text
    assert "at 100" not in text
    assert "answer 2 at 100" in alice.get("/w/acme/compare?jobs=1,2&step=100").body.decode()


def test_the_drawing_has_an_axis_for_each_setting_that_differs(alice: Person) -> None:
    text = alice.get("/w/acme/compare?jobs=1,2,3&view=parallel&metric=eval/loss").body.decode()
    names = re.findall(r'<text class="name"[^>]*>([^<]+)</text>', text)
    assert names == ["Batch size", "Learning rate", "Validation: Loss"]
    assert len(re.findall(r'<g data-job="\d"', text)) == 3
    assert len(re.findall("<circle", text)) == 8  # the third has no loss


def test_the_file_holds_every_row_and_no_formula(alice: Person) -> None:
    job_rows(alice.workspace, alice.user, 1, name="=cmd()", dataset="=1+1")
    answer = alice.get("/w/acme/compare.csv?jobs=1,4")
    lines = answer.body.decode("utf-8-sig").splitlines()
    assert lines[0] == "Part,Name,#1 reviews run 1,#4 =cmd()"
    assert any(line.startswith("Settings,Epochs,3,3") for line in lines)
    assert "Settings,Dataset version,reviews@1,'=1+1" in lines
