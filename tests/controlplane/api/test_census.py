"""A2, A4: every route of HTTP and websocket declares who may; nobody else gets further than the door.

A route without a declaration fails here, so a new one cannot be open by accident.
"""

import re
from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest
from controlplane.api import api
from controlplane.live.socket import PERMISSIONS, ROUTE
from controlplane.workspaces.access import Permission
from django.urls import URLPattern, URLResolver, get_resolver

from tests.people import Answer, People, Person

FILLED = {"ws": "acme", "id": "1", "name": "x", "n": "1", "task": "t", "method": "m", "step": "1", "code": "c" * 20, "pk": "1", "tab": "x"}
OUTSIDE = ("accounts/", "admin/")  # pages of packages: who may open them is asked below, and in accounts/test_operators.py


@cache
def operations() -> tuple[tuple[str, str, Permission], ...]:
    """(method, path, permission) of every API operation."""
    found = []
    for bound in api._get_bound_routers():
        for path, view in bound.path_operations.items():
            for operation in view.operations:
                for method in operation.methods:
                    found.append((method, f"/api/v1{bound.prefix}{path}".replace("//", "/"), getattr(operation, "permission", None)))
    return tuple(found)  # type: ignore[arg-type]


def pages(resolver: Any = None, prefix: str = "") -> Iterator[tuple[str, URLPattern]]:
    for entry in (resolver or get_resolver()).url_patterns:
        address = prefix + str(entry.pattern)
        if isinstance(entry, URLResolver):
            yield from pages(entry, address)
        else:
            yield address, entry


def own_pages() -> list[tuple[str, Permission]]:
    """(address, permission) of every page and door beside the API's operations."""
    ninja = {bare(path) for _, path, _ in operations()}
    found = []
    for address, entry in pages():
        if address.startswith(OUTSIDE) or bare(address) in ninja or entry.name == "api-root":
            continue
        found.append((address, getattr(entry.callback, "permission", None)))
    return found  # type: ignore[return-value]


def bare(path: str) -> str:
    """An address without its converters, in either notation."""
    return re.sub(r"[{<](?:\w+:)?(\w+)[}>]", r"<\1>", path).removeprefix("/")


def fill(path: str) -> str:
    return re.sub(r"[{<](?:(\w+):)?(\w+)[}>]", lambda match: "1" if match[1] == "int" else FILLED.get(match[2], "x"), path)


def test_A2_every_route_declares_its_permission() -> None:
    bare = [f"{method} {path}" for method, path, permission in operations() if not isinstance(permission, Permission)]
    bare += [address for address, permission in own_pages() if not isinstance(permission, Permission)]
    assert bare == []
    assert set(PERMISSIONS) == {ROUTE.pattern}


def test_A2_a_workspaces_routes_all_need_a_role() -> None:
    for method, path, permission in operations():
        assert ("{ws}" in path) == (permission.kind == "needs"), f"{method} {path}"
    for address, permission in own_pages():
        assert not re.search(r"<\w+:ws>", address) or permission.kind == "needs", address


def test_A2_writing_takes_more_than_reading() -> None:
    may_read = {("POST", "…/playground")}
    for method, path, permission in operations():
        if permission.kind == "needs" and method != "GET" and (method, path) not in may_read:
            assert str(permission.scope) in {"write", "admin"}, f"{method} {path}"


def ask(person: Person, method: str, path: str) -> int:
    return person.call(method, fill(path), {} if method in {"POST", "PATCH", "PUT"} else None).status


def test_A2_anonymous_gets_401_everywhere(people: People) -> None:
    wrong = [f"{m} {p}" for m, p, permission in operations() if permission.kind != "public" and ask(people.anonymous, m, p) != 401]
    assert wrong == []


def test_A4_another_tenant_gets_404_everywhere(people: People) -> None:
    wrong = [f"{m} {p}" for m, p, permission in operations() if permission.kind == "needs" and ask(people.bob, m, p) != 404]
    assert wrong == []


def test_A2_pages_send_strangers_to_sign_in_and_other_tenants_away(people: People) -> None:
    browser = Person(people.bob.user, people.bob.workspace, "")
    browser.http.force_login(people.bob.user, backend="allauth.account.auth_backends.AuthenticationBackend")
    for address, permission in own_pages():
        path = "/" + fill(address.lstrip("^"))
        if permission.kind in {"needs", "signed_in"}:
            answer = knock(people.anonymous, path)
            assert answer.status == 302, path
            assert answer.headers["location"].startswith("/accounts/login/"), path
        if permission.kind == "needs":
            assert knock(browser, path).status == 404, path


def knock(person: Person, path: str) -> Answer:
    """GET, or POST where a page takes only that."""
    answer = person.get(path)
    return person.post(path) if answer.status == 405 else answer


def test_A2_the_workers_door_is_shut(people: People) -> None:
    doors = [address for address, permission in own_pages() if permission.kind == "worker_door"]
    assert doors
    for address in doors:
        for token in ("", "guess", people.alice.token):
            person = Person(people.alice.user, people.alice.workspace, token)
            assert person.post("/" + fill(address), {}).status in {401, 404, 422}, address


@pytest.mark.parametrize("name", ["email/", "password/change/", "password/set/", "2fa/", "2fa/totp/activate/", "reauthenticate/"])
def test_A2_allauths_pages_for_people_ask_to_sign_in(people: People, name: str) -> None:
    answer = people.anonymous.get(f"/accounts/{name}")
    assert answer.status == 302
    assert "/accounts/login/" in answer.headers["location"]


def test_A4_a_forged_form_is_refused(people: People) -> None:
    browser = people.alice.in_browser()
    answer = browser.post("/api/v1/workspaces", {"slug": "forged"})
    assert (answer.status, answer.code) == (403, "csrf")
    browser.http.get("/accounts/login/")
    page = browser.http.get("/api/v1/me")
    assert page.status_code == 200
