"""`manage.py createtoken` and `manage.py signinlink`."""

from io import StringIO

import pytest
from controlplane.accounts.models import User
from controlplane.audit.models import AuditEvent
from controlplane.workspaces.models import Membership
from django.core.management import CommandError, call_command
from django.test import Client

from tests.people import PASSWORD, People, give_password


def run(*args: str) -> str:
    out = StringIO()
    call_command(*args, stdout=out)
    return out.getvalue()


@pytest.mark.django_db
def test_createtoken_prints_the_token_alone_and_makes_what_is_new() -> None:
    text = run("createtoken", "New@Example.org", "--workspace", "acme")
    assert text.startswith("slw_")
    assert text.count("\n") == 1
    membership = Membership.objects.get(workspace__slug="acme")
    assert (membership.user.email, membership.role) == ("new@example.org", "owner")
    answer = Client().get("/api/v1/me", headers={"Authorization": f"Bearer {text.strip()}"}).json()
    assert answer["scopes"] == ["read", "write", "predict", "admin"]
    assert [space["slug"] for space in answer["workspaces"]] == ["acme"]


@pytest.mark.django_db
def test_createtoken_takes_scopes_by_space_or_comma() -> None:
    for scopes in (["read", "predict"], ["read,predict"]):
        text = run("createtoken", "new@example.org", "--scopes", *scopes).strip()
        assert Client().get("/api/v1/me", headers={"Authorization": f"Bearer {text}"}).json()["scopes"] == ["read", "predict"]


def test_createtoken_opens_no_foreign_workspace(people: People) -> None:
    with pytest.raises(CommandError, match="no member"):
        run("createtoken", "alice@example.org", "--workspace", "bobs")
    with pytest.raises(CommandError):
        run("createtoken", "no address")
    with pytest.raises(CommandError):
        run("createtoken", "alice@example.org", "--scopes", "everything")
    assert not User.objects.filter(email="no address").exists()


@pytest.mark.django_db
def test_A3_a_fresh_installation_has_nobody_and_its_link_makes_the_owner() -> None:
    assert User.objects.count() == 0
    link = run("signinlink").strip()
    person = User.objects.get()
    assert not person.has_usable_password()
    browser = Client()
    answer = browser.get("/signin/" + link.rsplit("/", 1)[1])
    assert answer.status_code == 302
    assert answer["Location"].startswith("/accounts/password/set/")
    assert browser.get("/api/v1/me").json()["workspaces"][0]["role"] == "owner"
    page = browser.get(answer["Location"], headers={"Accept-Language": "en"}).content.decode()
    assert f"you sign in with <b>{person.email}</b> and this password" in page
    assert 'value="My workspace"' in page
    form = {"name": "Mei Lin", "workspace": "Support", "password1": PASSWORD, "password2": PASSWORD}
    assert browser.post(answer["Location"], form).status_code == 302
    person.refresh_from_db()
    assert (person.name, person.has_usable_password()) == ("Mei Lin", True)
    assert browser.get("/api/v1/me").json()["workspaces"][0]["title"] == "Support"
    assert AuditEvent.objects.get(action="workspace.update").actor == person.email


def test_the_link_without_an_address_is_the_first_persons(people: People) -> None:
    give_password(people.alice.user)
    code = run("signinlink").strip().rsplit("/", 1)[1]
    browser = Client()
    assert browser.get(f"/signin/{code}")["Location"] == "/"
    assert browser.get("/api/v1/me").json()["user"]["email"] == "alice@example.org"
    with pytest.raises(CommandError):
        run("signinlink", "nobody@example.org")


def test_nothing_is_printed_once_somebody_has_signed_in(people: People) -> None:
    assert run("signinlink", "--unless-signed-in").startswith("http")
    code = run("signinlink").strip().rsplit("/", 1)[1]
    Client().get(f"/signin/{code}")
    assert run("signinlink", "--unless-signed-in") == ""
