"""Sign-up, sign-in, sign-out, forgotten passwords; what is open and what is not."""

import re
from datetime import timedelta
from typing import Any

import pytest
from controlplane.accounts.models import SigninCode, User
from controlplane.accounts.services import create_signin_code
from django.core import mail
from django.test import Client
from django.utils import timezone

from tests.people import PASSWORD, People, give_password

FORM = {"email": "New@Example.org", "password1": PASSWORD, "name": "New Person"}


@pytest.fixture(autouse=True)
def passwords(request: pytest.FixtureRequest) -> None:
    """Alice has one in these tests."""
    if "people" in request.fixturenames:
        give_password(request.getfixturevalue("people").alice.user)


def sign_in(email: str = "alice@example.org", password: str = PASSWORD) -> tuple[Client, Any]:
    browser = Client()
    return browser, browser.post("/accounts/login/", {"login": email, "password": password})


def test_signing_in_and_out(people: People) -> None:
    browser, answer = sign_in("Alice@Example.org")
    assert answer.status_code == 302
    assert browser.get("/api/v1/me").json()["user"]["email"] == "alice@example.org"
    cookie = browser.cookies["slipway_session"]
    assert (cookie["httponly"], cookie["samesite"]) == (True, "Lax")
    assert browser.get("/accounts/logout/").status_code == 200
    browser.post("/accounts/logout/")
    assert browser.get("/api/v1/me").status_code == 401


def test_a_wrong_password_says_no_more_than_that(people: People) -> None:
    answers = [sign_in(email, "wrong wrong wrong")[1] for email in ("alice@example.org", "nobody@example.org")]
    texts = [re.sub(r"(value|content)=\"[^\"]*\"", "", answer.content.decode()) for answer in answers]
    assert [answer.status_code for answer in answers] == [200, 200]
    assert texts[0] == texts[1]


@pytest.mark.django_db
def test_who_tries_too_often_is_told_when_to_try_again() -> None:
    browser = Client(REMOTE_ADDR="192.0.2.7")  # whose tries count for no other test
    for language, words in (("en", "Try again in 60 seconds."), ("zh-hans", "60 秒后再试。")):
        browser.cookies["django_language"] = language
        answers = (browser.post("/accounts/login/?next=/inbox", {"login": "a@example.org"}) for _ in range(40))
        answer = next(answer for answer in answers if answer.status_code != 200)
        page = answer.content.decode()
        assert (answer.status_code, answer["Retry-After"]) == (429, "60")
        assert words in page
        assert '<main class="narrow"' in page
        assert 'href="/accounts/login/?next=/inbox"' in page, "the way back to the form"
    assert browser.get("/accounts/login/").status_code == 200, "looking is no try"


@pytest.mark.django_db
def test_nobody_signs_up_without_an_invitation() -> None:
    answer = Client().post("/accounts/signup/", FORM)
    assert User.objects.count() == 0
    assert answer.status_code == 200


def test_an_invitation_opens_the_sign_up(people: People) -> None:
    url = people.alice.post("…/invitations", {"email": "new@example.org", "role": "viewer"}).body["url"]
    browser = Client()
    session = browser.session
    session["invitation"] = url.rsplit("/", 1)[1]
    session.save()
    answer = browser.post("/accounts/signup/", FORM)
    assert answer.status_code == 302
    assert answer["Location"].startswith("/invitations/")


@pytest.mark.django_db
def test_signing_up_makes_a_personal_workspace(settings: Any) -> None:
    settings.SIGNUP = "open"
    browser = Client()
    assert browser.post("/accounts/signup/", FORM).status_code == 302
    me = browser.get("/api/v1/me").json()
    assert me["user"]["email"] == "new@example.org"
    assert me["user"]["name"] == "New Person"
    # `new` itself is kept for addresses of pages
    assert me["workspaces"] == [{"slug": "new-2", "title": "New Person", "role": "owner"}]


@pytest.mark.django_db
def test_weak_passwords_are_refused(settings: Any) -> None:
    settings.SIGNUP = "open"
    for password in ("short", "password1234", "1234567890", "new@example.org"):
        Client().post("/accounts/signup/", {**FORM, "password1": password})
    assert User.objects.count() == 0


def test_a_forgotten_password_is_reset_by_mail(people: People) -> None:
    browser = Client()
    browser.post("/accounts/password/reset/", {"email": "alice@example.org"})
    link = re.search(r"http://testserver(/accounts/password/reset/key/\S+)", mail.outbox[0].body)
    assert link
    page = browser.get(link[1], follow=True)
    form = page.redirect_chain[-1][0]
    browser.post(form, {"password1": "another long horse 8", "password2": "another long horse 8"})
    assert sign_in(password="another long horse 8")[1].status_code == 302
    assert sign_in()[1].status_code == 200


def test_asking_for_a_strangers_reset_tells_nothing(people: People) -> None:
    answers = [Client().post("/accounts/password/reset/", {"email": email}) for email in ("alice@example.org", "nobody@example.org")]
    assert {(answer.status_code, answer.get("Location")) for answer in answers} == {(302, "/accounts/password/reset/done/")}


def test_a_link_signs_in_once_and_for_a_quarter_of_an_hour(people: People) -> None:
    code = create_signin_code(user=people.bob.user)
    assert code not in str(SigninCode.objects.values().get())
    browser = Client()
    assert browser.get(f"/signin/{code}").status_code == 302
    assert browser.get("/api/v1/me").json()["user"]["email"] == "bob@example.org"
    assert Client().get(f"/signin/{code}").status_code == 404
    late = create_signin_code(user=people.bob.user)
    SigninCode.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert Client().get(f"/signin/{late}").status_code == 404


def test_wishes_become_cookies_when_signing_in(people: People) -> None:
    answer = people.alice.patch("/api/v1/me", {"language": "zh-hans", "theme": "dark", "timezone": "Asia/Shanghai"})
    assert answer.status == 200
    browser, _ = sign_in()
    assert {name: browser.cookies[name].value for name in ("django_language", "theme", "timezone")} == {
        "django_language": "zh-hans",
        "theme": "dark",
        "timezone": "Asia/Shanghai",
    }
    bad = people.alice.patch("/api/v1/me", {"language": "tlh", "theme": "pink"})
    assert (bad.status, len(bad.body["errors"])) == (422, 2)


def test_a_key_of_a_person_without_password_still_works(people: People) -> None:
    people.alice.user.set_unusable_password()
    people.alice.user.save()
    assert people.alice.get("/api/v1/me").status == 200
