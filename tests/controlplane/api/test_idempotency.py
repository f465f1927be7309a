"""I51, I52: a creating call sent twice does its work once."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from controlplane.workspaces.models import IdempotentCall, Workspace
from django.db import connection

from tests.people import People, Person

BODY = {"slug": "team", "title": "Team"}


def test_the_first_answer_is_given_again(people: People) -> None:
    first = people.alice.post("/api/v1/workspaces", BODY, Idempotency_Key="k1")
    again = people.alice.post("/api/v1/workspaces", BODY, Idempotency_Key="k1")
    assert (first.status, again.status) == (201, 201)
    assert first.body == again.body
    assert again.headers["location"] == first.headers["location"] == "/api/v1/workspaces/team"
    assert again.headers["idempotency-replayed"] == "true"
    assert Workspace.objects.filter(slug="team").count() == 1


def test_without_a_key_the_second_call_is_its_own(people: People) -> None:
    assert people.alice.post("/api/v1/workspaces", BODY).status == 201
    assert people.alice.post("/api/v1/workspaces", BODY).status == 409


def test_I51_another_body_under_the_same_key_is_refused(people: People) -> None:
    people.alice.post("/api/v1/workspaces", BODY, Idempotency_Key="k1")
    answer = people.alice.post("/api/v1/workspaces", {"slug": "other"}, Idempotency_Key="k1")
    assert (answer.status, answer.code) == (422, "idempotency_mismatch")
    assert people.alice.post("/api/v1/tokens", BODY, Idempotency_Key="k1").code == "idempotency_mismatch"


@pytest.mark.parametrize("key", ["", "x" * 256])
def test_I52_a_key_of_a_wrong_length_is_refused(people: People, key: str) -> None:
    answer = people.alice.post("/api/v1/workspaces", BODY, Idempotency_Key=key)
    assert (answer.status, answer.code) == (400, "bad_idempotency_key")


def test_keys_of_two_people_do_not_meet(people: People) -> None:
    assert people.alice.post("/api/v1/workspaces", BODY, Idempotency_Key="k1").status == 201
    assert people.bob.post("/api/v1/workspaces", {"slug": "bobs-team"}, Idempotency_Key="k1").status == 201


def test_a_call_that_failed_may_be_tried_again_with_its_key(people: People) -> None:
    assert people.alice.post("/api/v1/workspaces", {"slug": "bobs"}, Idempotency_Key="k1").status == 409
    Workspace.objects.get(slug="bobs").delete()
    assert people.alice.post("/api/v1/workspaces", {"slug": "bobs"}, Idempotency_Key="k1").status == 201


def test_I52_parallel_calls_with_one_key_make_one_thing(people: People, transactional_db: None) -> None:
    def send(_n: int) -> int:
        try:
            person = Person(people.alice.user, people.alice.workspace, people.alice.token)
            return person.post("/api/v1/workspaces", BODY, Idempotency_Key="k1").status
        finally:
            connection.close()

    with ThreadPoolExecutor(6) as pool:
        statuses = list(pool.map(send, range(12)))
    assert set(statuses) <= {201, 409}
    assert 201 in statuses
    assert Workspace.objects.filter(slug="team").count() == 1
    assert IdempotentCall.objects.count() == 1


def test_I52_a_running_call_is_said_to_run(people: People) -> None:
    import hashlib

    from controlplane.workspaces.revocation import client

    client().set(f"idempotency:{people.alice.user.pk}:{hashlib.sha256(b'k1').hexdigest()}", b"1", ex=5)
    answer = people.alice.post("/api/v1/workspaces", BODY, Idempotency_Key="k1")
    assert (answer.status, answer.code, answer.headers["retry-after"]) == (409, "idempotency_running", "1")
