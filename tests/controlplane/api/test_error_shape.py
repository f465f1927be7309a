"""Every error has the one shape and the status `api.md` gives it."""

from typing import Any

import pytest

from tests.people import People

MEMBERS = {"type", "title", "status", "detail", "code", "hint", "request_id", "errors"}


def assert_problem(answer: Any, status: int, code: str = "") -> None:
    assert answer.status == status, answer.body
    assert answer.headers["content-type"] == "application/problem+json"
    assert set(answer.body) == MEMBERS
    assert answer.body["status"] == status
    assert answer.body["request_id"] == answer.headers["x-request-id"]
    assert answer.body["detail"]
    if code:
        assert answer.body["code"] == code


def test_400_for_what_is_not_json(people: People) -> None:
    for raw in (b"{", b'{"slug": NaN}', b'{"slug": "a"', b"\xff\xfe", b"[" * 100_000):
        assert_problem(people.alice.call("POST", "/api/v1/workspaces", raw=raw, Content_Type="application/json"), 400, "bad_json")


def test_400_for_unknown_query_parameters_filters_and_sorts(people: People) -> None:
    for query in ("page=-1", "owner__password__startswith=a", "limt=3"):
        assert_problem(people.alice.get(f"…/members?{query}"), 400, "unknown_query")
    assert "limit" in people.alice.get("…/members?limt=3").body["hint"]
    assert_problem(people.alice.get("…/members?sort=user__password"), 400, "unknown_sort")
    assert_problem(people.alice.get("…/members?sort=--email"), 400, "unknown_sort")
    assert_problem(people.alice.get("…/members?state=odd"), 400, "unknown_state")
    assert_problem(people.alice.get("…/members?cursor=nonsense"), 400, "bad_cursor")


def test_401_without_or_with_bad_credentials(people: People) -> None:
    assert_problem(people.anonymous.get("/api/v1/me"), 401, "unauthenticated")
    for header in ("Bearer", "Basic abc", "Bearer ", "slw_abc"):
        assert_problem(people.anonymous.get("/api/v1/me", Authorization=header), 401, "bad_authorization")
    answer = people.anonymous.get("/api/v1/me", Authorization="Bearer slw_nope")
    assert_problem(answer, 401, "token_invalid")
    assert "Bearer" in answer.headers["www-authenticate"]


def test_401_comes_before_any_word_about_the_body(people: People) -> None:
    assert_problem(people.anonymous.post("/api/v1/workspaces", {"odd": 1}), 401)
    assert_problem(people.anonymous.post("…/invitations?odd=1", {"odd": 1}), 401)


def test_403_when_role_or_scope_is_too_small(people: People) -> None:
    answer = people.charlie.get("…/audit")
    assert_problem(answer, 403, "role_too_small")
    assert "Alice" in answer.body["hint"]
    assert_problem(people.alice.with_token("read").post("…/invitations", {"email": "x@example.org"}), 403, "scope_too_small")
    assert_problem(people.alice.with_token("predict").get("…/members"), 403, "scope_too_small")


def test_404_for_foreign_and_for_missing_workspaces_alike(people: People) -> None:
    foreign = people.bob.get("/api/v1/workspaces/acme/members")
    missing = people.bob.get("/api/v1/workspaces/nothing-here/members")
    assert_problem(foreign, 404, "not_found")
    assert {**foreign.body, "request_id": ""} == {**missing.body, "request_id": ""}
    assert_problem(people.alice.get("/api/v1/nothing"), 404, "not_found")


def test_405_names_what_is_allowed(people: People) -> None:
    answer = people.alice.call("PUT", "…/members")
    assert_problem(answer, 405, "method_not_allowed")
    assert "GET" in answer.headers["allow"]


def test_409_names_who_stands_in_the_way(people: People) -> None:
    assert_problem(people.bob.post("/api/v1/workspaces", {"slug": "acme"}), 409, "name_taken")


def test_415_for_another_type_of_body(people: People) -> None:
    answer = people.alice.call("POST", "/api/v1/workspaces", raw=b"<a/>", Content_Type="text/xml")
    assert_problem(answer, 415, "unsupported_media_type")


def test_422_names_every_wrong_place_at_once(people: People) -> None:
    answer = people.alice.post("/api/v1/tokens", {"scopes": 3, "nmae": "x", "expires_at": "yesterday"})
    assert_problem(answer, 422)
    places = {tuple(error["loc"]) for error in answer.body["errors"]}
    assert places == {("body", "scopes"), ("body", "nmae"), ("body", "expires_at")}
    unknown = next(error for error in answer.body["errors"] if error["loc"] == ["body", "nmae"])
    assert "name" in unknown["hint"]


def test_422_for_an_unknown_field_names_the_nearest(people: People) -> None:
    answer = people.alice.post("/api/v1/workspaces", {"slug": "x", "titel": "y"})
    assert_problem(answer, 422, "unknown_field")
    assert "`title`" in answer.body["hint"]


@pytest.mark.parametrize("limit", ["0", "201", "1000000000", "-1", "many"])
def test_422_for_a_page_size_out_of_range(people: People, limit: str) -> None:
    assert_problem(people.alice.get(f"…/members?limit={limit}"), 422, "invalid")


@pytest.mark.parametrize("wait", ["31", "-1", "nan", "soon"])
def test_422_for_a_wait_out_of_range(people: People, wait: str) -> None:
    assert_problem(people.alice.get(f"…/members?wait={wait}"), 422, "invalid")


def test_500_says_nothing_of_the_inside(people: People, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    from controlplane.workspaces import services

    def broken(*_args: Any) -> None:
        raise RuntimeError("the secret inside is slw_0123456789abcdef")

    monkeypatch.setattr(services, "workspaces_of", broken)
    answer = people.alice.get("/api/v1/me")
    assert_problem(answer, 500)
    assert "secret inside" not in str(answer.body)
    assert answer.body["request_id"] in caplog.text


def test_503_when_the_database_does_not_answer(people: People, monkeypatch: pytest.MonkeyPatch) -> None:
    from controlplane.workspaces import services
    from django.db.utils import OperationalError

    def away(*_args: Any) -> None:
        raise OperationalError("connection refused to db.internal")

    monkeypatch.setattr(services, "workspaces_of", away)
    answer = people.alice.get("/api/v1/me")
    assert_problem(answer, 503, "database_unavailable")
    assert int(answer.headers["retry-after"]) >= 1
    assert "internal" not in str(answer.body)


def test_a_sane_request_id_is_kept_and_another_replaced(people: People) -> None:
    assert people.alice.get("/api/v1/me", X_Request_Id="abc-123").headers["x-request-id"] == "abc-123"
    assert people.alice.get("/api/v1/me", X_Request_Id="a b<script>").headers["x-request-id"] != "a b<script>"
