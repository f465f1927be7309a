"""The operators' view at /admin: who sees it, that it changes nothing, that it shows no secret; and how one becomes an operator."""

import re
from html.parser import HTMLParser
from io import StringIO

import pytest
from controlplane.operators import site
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import get_resolver

from tests.controlplane.jobs.rows import job_rows
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


class Labels(HTMLParser):
    """What a page calls things: heads of columns, fields, filters, titles and hints; not the rows' own data."""

    HEARD = ("th", "label", "h1", "h2", "h3", "h4", "dt")

    def __init__(self, page: bytes) -> None:
        super().__init__()
        self.open: list[str] = []
        self.found: set[str] = set()
        self.feed(page.decode())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in self.HEARD or tag == "tbody":
            self.open.append(tag)
        self.found |= {value for name, value in attrs if name in ("placeholder", "aria-label") and value}

    def handle_endtag(self, tag: str) -> None:
        if tag in self.open:
            self.open.remove(tag)

    def handle_data(self, data: str) -> None:
        if self.open and "tbody" not in self.open and data.strip():
            self.found.add(data.strip())


ICONS = re.compile(r"[a-z]+(_[a-z]+)*")  # the package writes an icon as its name in the icons' font
SAME = {"ID", "Slipway", "esc"}  # called so in both languages


def test_every_label_is_in_the_readers_language(people: People) -> None:
    person = operator(people)
    job_rows(people.alice.workspace, people.alice.user, 1)
    own = {str(row).lower() for model in site._registry for row in model._default_manager.all()}
    person.http.cookies["django_language"] = "zh-hans"
    details = 0
    for model in site._registry:
        place = f"/admin/{model._meta.app_label}/{model._meta.model_name}/"
        row = model._default_manager.first()
        details += row is not None
        for address in (place, f"{place}?q=nothing+has+this", *([f"{place}{row.pk}/change/"] if row else [])):
            labels = Labels(person.get(address).body).found
            assert any("\u4e00" <= sign <= "\u9fff" for label in labels for sign in label), address
            plain = {text for text in labels if text.isascii() and re.search("[A-Za-z]", text) and not ICONS.fullmatch(text)}
            assert [text for text in plain - SAME if text.lower() not in own] == [], address
    assert details >= 6
    for place, words in (("workspaces/membership", "编辑者"), ("jobs/job", "已完成")):
        assert words in person.get(f"/admin/{place}/").body.decode(), "codes of rows are said in words too"


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
