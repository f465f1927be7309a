"""The operators' view at /admin: who sees it, that it changes nothing, that it shows no secret; and how one becomes an operator."""

import re
from io import StringIO

import pytest
from controlplane.operators import site
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import get_resolver

from tests.people import People, Person


def run(*args: str) -> str:
    out = StringIO()
    call_command(*args, stdout=out)
    return out.getvalue()


def addresses() -> list[str]:
    """Every route under /admin, filled in."""
    (admin,) = [entry for entry in get_resolver().url_patterns if str(entry.pattern) == "admin/"]
    found = []
    for address, route in walk(admin.url_patterns):
        assert route.callback is not None
        found.append("/admin/" + re.sub(r"<(?:\w+:)?\w+>", "1", address).strip("^$").replace("(?P1.*)", "x"))
    return found


def walk(patterns, prefix=""):  # type: ignore[no-untyped-def]
    for entry in patterns:
        address = prefix + str(entry.pattern)
        if hasattr(entry, "url_patterns"):
            yield from walk(entry.url_patterns, address)
        else:
            yield address, entry


def operator(people: People) -> Person:
    call_command("operator", "alice@example.org", stdout=StringIO())
    people.alice.user.refresh_from_db()
    return people.alice.in_browser()


def test_A2_only_operators_come_in(people: People) -> None:
    assert len(addresses()) > 60
    stranger, member = Client(), people.charlie.in_browser()
    for address in addresses():
        answer = stranger.get(address)
        assert answer.status_code == 302, address
        assert answer["Location"].startswith("/accounts/login"), address
        assert member.get(address).status in {302, 403}, address
    assert member.get("/admin/").status == 403


def test_they_see_every_table_and_change_nothing(people: People) -> None:
    person = operator(people)
    person.http.handler.enforce_csrf_checks = False
    for model in site._registry:
        place = f"/admin/{model._meta.app_label}/{model._meta.model_name}/"
        assert person.get(place).status == 200, place
        assert person.get(f"{place}?q=x").status == 200, place
        assert person.get(f"{place}add/").status == 403, place
        row = model._default_manager.first()
        if row is None:
            continue
        assert person.get(f"{place}{row.pk}/change/").status == 200, place
        assert person.http.post(f"{place}{row.pk}/change/", {}).status_code == 403, place
        assert person.http.post(f"{place}{row.pk}/delete/", {"post": "yes"}).status_code == 403, place
        assert model._default_manager.filter(pk=row.pk).exists()


def test_rooms_and_tables_have_the_products_names(people: People) -> None:
    person = operator(people)
    person.http.cookies["django_language"] = "zh-hans"
    for place, title in (("", "运维视图"), ("jobs/worker/", "计算节点"), ("data/datasetversion/", "数据集版本")):
        page = person.get(f"/admin/{place}").body.decode()
        assert f"{title} |" in page, "the document's title"
        assert all(name in page for name in ("在线服务", "修订版本", "API 密钥", "设备分配")), "every table stands in the side bar"


def test_A26_no_secret_and_no_hash_is_shown(people: People) -> None:
    from controlplane.workspaces.models import ApiToken

    person = operator(people)
    token = ApiToken.objects.filter(user=people.bob.user).get()
    page = person.get(f"/admin/workspaces/apitoken/{token.pk}/change/").body.decode()
    assert token.prefix in page
    assert token.token_hash not in page
    people.bob.user.set_password("a long horse battery 7")
    people.bob.user.save()
    page = person.get(f"/admin/accounts/user/{people.bob.user.pk}/change/").body.decode()
    assert "bob@example.org" in page
    assert "argon2" not in page


def test_its_policy_is_its_own(people: People) -> None:
    person = operator(people)
    assert "'unsafe-eval'" in person.get("/admin/").headers["content-security-policy"]
    assert "'unsafe-eval'" not in person.get("/w/acme").headers["content-security-policy"]


def test_operators_are_made_and_unmade_at_the_terminal(people: People) -> None:
    assert run("operator", "Bob@example.org") == "bob@example.org is an operator now.\n"
    assert "bob@example.org" in run("operator")
    assert run("operator", "bob@example.org", "--revoke") == "bob@example.org is no operator any more.\n"
    assert "bob@example.org" not in run("operator")
    with pytest.raises(CommandError):
        run("operator", "nobody@example.org")


def test_who_sets_the_installation_up_runs_it_and_nobody_who_signs_up(db: None, settings) -> None:  # type: ignore[no-untyped-def]
    settings.SIGNUP = "open"
    form = {"email": "first@example.org", "password1": "a long horse battery 7", "name": "First"}
    assert Client().post("/accounts/signup/", form).status_code == 302
    assert run("operator") == ""
    from controlplane.accounts.models import User

    User.objects.all().delete()
    run("signinlink")
    assert run("operator") == "owner@localhost\n"
