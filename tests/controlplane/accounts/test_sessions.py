"""Where somebody is signed in, for how long, ending it elsewhere; and that the audit log has it all."""

import re
from typing import Any

import pytest
from allauth.mfa.totp.internal.auth import TOTP, format_hotp_value, hotp_value, yield_hotp_counters_from_time
from controlplane.accounts.services import create_signin_code
from controlplane.audit.models import AuditEvent
from django.test import Client

from tests.people import PASSWORD, People, give_password


@pytest.fixture(autouse=True)
def password(people: People) -> None:
    give_password(people.alice.user)


def sign_in(**more: str) -> Client:
    browser = Client()
    answer = browser.post("/accounts/login/", {"login": "alice@example.org", "password": PASSWORD, **more})
    assert answer.status_code == 302
    return browser


def actions() -> list[str]:
    return list(AuditEvent.objects.filter(action__startswith="person.").order_by("pk").values_list("action", flat=True))


def code(secret: str) -> str:
    return str(format_hotp_value(hotp_value(secret, next(yield_hotp_counters_from_time()))))


def test_who_ticks_it_stays_for_thirty_days(people: People) -> None:
    assert 'name="remember"' in Client().get("/accounts/login/").content.decode()
    kept = sign_in(remember="on").cookies["slipway_session"]
    assert int(kept["max-age"]) == 30 * 86400
    assert sign_in().cookies["slipway_session"]["max-age"] == ""


def test_signing_out_everywhere_else(people: People) -> None:
    here, there = sign_in(), sign_in()
    page = here.get("/accounts/sessions/").content.decode()
    assert page.count("<tr>") == 3
    assert here.post("/accounts/sessions/").status_code == 302
    assert here.get("/api/v1/me").status_code == 200
    assert there.get("/api/v1/me").status_code == 401


def test_a_one_time_link_makes_a_session_that_is_listed(people: People) -> None:
    browser = Client(headers={"User-Agent": "Browser/7"})
    browser.get(f"/signin/{create_signin_code(user=people.bob.user)}")
    page = browser.get("/accounts/sessions/").content.decode()
    assert ">Browser/7 <" in page
    assert page.count("<tr>") == 2


@pytest.mark.parametrize(
    ("agent", "name"),
    [
        (
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/150.0.0.0 Safari/537.36",
            "Chrome 150, Windows",
        ),
        (
            "Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) AppleWebKit/605.1 (KHTML, like Gecko) Version/19.0 Mobile Safari/604.1",
            "Safari, iOS",
        ),
        ("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", "Firefox 140, Linux"),
    ],
)
def test_a_session_is_known_by_browser_and_system(people: People, agent: str, name: str) -> None:
    browser = Client(headers={"User-Agent": agent})
    browser.get(f"/signin/{create_signin_code(user=people.bob.user)}")
    assert f'title="{agent}">{name} <' in browser.get("/accounts/sessions/").content.decode()


def test_signing_in_and_out_and_failing_are_audited(people: People) -> None:
    before = len(actions())
    Client().post("/accounts/login/", {"login": "alice@example.org", "password": "wrong wrong wrong"})
    Client().post("/accounts/login/", {"login": "nobody@example.org", "password": "wrong wrong wrong"})
    sign_in().post("/accounts/logout/")
    assert actions()[before:] == ["person.sign_in_failed", "person.sign_in", "person.sign_out"]
    event = AuditEvent.objects.get(action="person.sign_in")
    assert (event.actor, event.target_id, event.ip) == ("alice@example.org", "alice@example.org", "127.0.0.1")
    failed = AuditEvent.objects.get(action="person.sign_in_failed")
    assert (failed.actor, failed.target_id) == ("anonymous", "alice@example.org")
    assert "wrong" not in str(failed.data)


def test_a_second_factor_is_asked_for_and_its_changes_are_audited(
    transactional_db: None, people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser = sign_in()
    asked = browser.get("/accounts/2fa/totp/activate/")
    assert asked["Location"].startswith("/accounts/reauthenticate/"), "such a change takes the password once more"
    page = browser.post(asked["Location"], {"password": PASSWORD}, follow=True)
    secret = re.search(r'value="([A-Z2-7]{16,})"', page.content.decode())
    assert secret
    answer = browser.post("/accounts/2fa/totp/activate/", {"code": code(secret[1])})
    assert answer.status_code == 302
    assert "person.mfa_add" in actions()
    assert AuditEvent.objects.filter(action="person.mfa_add").first().data == {"kind": "totp"}  # type: ignore[union-attr]
    again = Client()
    answer = again.post("/accounts/login/", {"login": "alice@example.org", "password": PASSWORD})
    assert answer["Location"].startswith("/accounts/2fa/authenticate")
    assert again.get("/api/v1/me").status_code == 401
    monkeypatch.setattr(TOTP, "validate_code", lambda *_: True)
    assert again.post(answer["Location"], {"code": code(secret[1])}).status_code == 302
    assert again.get("/api/v1/me").status_code == 200


def test_a_changed_password_is_audited(people: People) -> None:
    browser = sign_in()
    new: dict[str, Any] = {"oldpassword": PASSWORD, "password1": "another long horse 8", "password2": "another long horse 8"}
    assert browser.post("/accounts/password/change/", new).status_code == 302
    assert "person.password_change" in actions()


def test_the_pages_of_a_package_stand_in_our_frame(people: People) -> None:
    browser = sign_in()
    for path in ("password/change/", "email/", "2fa/", "sessions/", "2fa/webauthn/"):
        page = browser.get(f"/accounts/{path}", follow=True).content.decode()
        assert page.count("<h1") == 1, path
        assert 'class="tabs"' in page or "reauthenticate" in page, path
        assert re.search(r"/w/[a-z]+/jobs", page) or "reauthenticate" in page, path


def test_the_pages_of_a_package_speak_our_chinese(transactional_db: None, people: People) -> None:
    browser = sign_in()
    browser.cookies["django_language"] = "zh-hans"
    asked = browser.get("/accounts/2fa/totp/activate/")["Location"]
    pages = [browser.get(asked).content.decode(), browser.post(asked, {"password": PASSWORD}, follow=True).content.decode()]
    inside = ("password/change", "email", "2fa", "2fa/webauthn", "2fa/webauthn/add", "2fa/recovery-codes/generate", "sessions")
    pages += [browser.get(f"/accounts/{path}/", follow=True).content.decode() for path in inside]
    stranger = Client()
    stranger.cookies["django_language"] = "zh-hans"
    outside = ("login/code", "password/reset/done", "password/reset/key/1-x", "confirm-email/x", "inactive")
    pages += [stranger.get(f"/accounts/{path}/").content.decode() for path in outside]
    for page in pages:
        assert re.search(r"<title>[^<]*[\u4e00-\u9fff][^<]* · Slipway</title>", page)
        main = re.sub(r"<(script|style)\b.*?</\1>", "", page[page.index("<main") :], flags=re.S)
        said = re.sub(r"<[^>]+>", " ", main)
        assert not re.search(r"[您请！]|Email|[Tt]oken|Name\b", said), said
