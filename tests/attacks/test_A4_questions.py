"""A4: the query string reaches no ORM lookup. I49, I50: questions out of range or unknown, on every list. A10: names stay names."""

from typing import Any

import pytest
from controlplane.api import api

from tests.attacks.census import Route
from tests.people import People

LOOKUPS = (
    *("owner__password__startswith", "created_by__password", "user__email", "workspace__memberships__user__password__regex"),
    *("pk__in", "id__gt", "password", "token_hash__startswith", "name__regex", "__class__", "objects", "filter"),
    *("order_by", "ordering", "fields", "page", "page_size"),
)
SORTS = (
    "password",
    "-created_by__password",
    "workspace__memberships__user__password",
    "pk",
    "?",
    "-?",
    "--created_at",
    "created_at,name",
    "",
)
RANGES = (
    ("limit", "-1"),
    ("limit", "0"),
    ("limit", "201"),
    ("limit", "1000000000"),
    ("limit", "x"),
    ("limit", "1.5"),
    ("cursor", "x"),
    ("cursor", "é" * 9),
)


def lists() -> list[str]:
    """Every GET of the API that takes `cursor`."""
    found = []
    for path, methods in api.get_openapi_schema()["paths"].items():
        if "cursor" in {parameter["name"] for parameter in methods.get("get", {}).get("parameters", [])}:
            found.append(Route("GET", path, "api").at("reviews"))
    return found


@pytest.fixture
def acme(people: People) -> People:
    assert people.alice.post("…/datasets", {"name": "reviews"}).status == 201
    return people


def test_A4_no_lookup_can_be_asked_for(acme: People) -> None:
    assert len(lists()) >= 6
    for address in lists():
        if acme.alice.get(address).status != 200:
            continue
        for name in LOOKUPS:
            answer = acme.alice.get(f"{address}?{name}=a")
            assert answer.status in {400, 422}, f"{address}?{name}: {answer.status}"
            assert answer.code, address
        for sort in SORTS[:-1]:
            assert acme.alice.get(f"{address}?sort={sort}").status == 400, f"{address}?sort={sort}"


def test_I49_pages_out_of_range(acme: People) -> None:
    for address in lists():
        if acme.alice.get(address).status != 200:
            continue
        for name, value in RANGES:
            answer = acme.alice.get(f"{address}?{name}={value}")
            assert answer.status == (400 if name == "cursor" else 422), f"{address}?{name}={value}: {answer.status} {answer.body}"


def test_I50_an_unknown_state_names_the_nearest(acme: People) -> None:
    answer = acme.alice.get("…/jobs?state=runing")
    assert (answer.status, answer.code) == (400, "unknown_state")
    assert "running" in answer.body["hint"]


NAMES: tuple[Any, ...] = (
    *("a.b", "a/b", "..", "127.0.0.1:80", "a@b", "a b", "A", "-a", "a-", "a" * 64, "a\n", "a\x00", "é", "a_b"),
    *("redis.sock", "http://x", "", 5, None, ["a"]),
)


def test_A10_a_name_is_never_part_of_an_address_inside(acme: People) -> None:
    for name in NAMES:
        for address, more in (
            ("…/datasets", {}),
            ("…/models", {"task": "text-classification", "hub_id": "a/b"}),
            ("…/endpoints", {"model": "x@1"}),
        ):
            answer = acme.alice.post(address, {"name": name, **more})
            assert answer.status in {404, 422}, f"{address} {name!r}: {answer.status} {answer.body}"
            assert answer.status == 422 or address == "…/endpoints", f"{address} {name!r}"
        assert acme.alice.post("/api/v1/workspaces", {"slug": name}).status == 422, repr(name)
