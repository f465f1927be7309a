"""What the settings promise: a database that loses nothing, no known secret, a browser that is told to be careful."""

import os
import subprocess
import sys

import pytest
from django.db import connection

from tests.conftest import ROOT
from tests.people import People


@pytest.mark.django_db
def test_B15_every_connection_has_its_settings() -> None:
    if connection.vendor == "postgresql":
        assert connection.settings_dict["OPTIONS"]["pool"]["max_size"] >= 16
        return
    wanted = {"journal_mode": "wal", "synchronous": 2, "busy_timeout": 20000, "foreign_keys": 1}
    with connection.cursor() as cursor:
        found = {name: cursor.execute(f"PRAGMA {name}").fetchone()[0] for name in wanted}
    assert found == wanted
    assert connection.settings_dict["OPTIONS"]["transaction_mode"] == "IMMEDIATE"


def python(code: str, **env: str) -> subprocess.CompletedProcess[str]:
    path = f"{ROOT / 'platform'}{os.pathsep}{ROOT}"
    return subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, "PYTHONPATH": path, **env}, capture_output=True, text=True, timeout=60
    )


@pytest.mark.parametrize("key", ["changeme", "django-insecure-0123456789abcdefghijklmnopqrstuvwxyz", "a" * 64])
def test_A3_a_default_secret_key_is_refused(key: str) -> None:
    result = python("import controlplane.settings", SLIPWAY_SECRET_KEY=key)
    assert result.returncode != 0
    assert "SLIPWAY_SECRET_KEY" in result.stderr


def test_a_public_address_makes_cookies_secure_and_its_host_known() -> None:
    code = "from controlplane import settings as s; print(s.SESSION_COOKIE_SECURE, s.ALLOWED_HOSTS[-1], s.CSRF_TRUSTED_ORIGINS)"
    result = python(code, SLIPWAY_URL="https://slipway.example:8443")
    assert result.stdout.strip() == "True slipway.example ['https://slipway.example:8443']"


def test_pages_forbid_foreign_scripts_and_frames(people: People) -> None:
    headers = people.anonymous.get("/accounts/login/").headers
    policy = {part.split()[0]: part.split()[1:] for part in headers["content-security-policy"].split("; ")}
    assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == ["'self'"]
    assert policy["default-src"] == policy["frame-ancestors"] == policy["base-uri"] == ["'none'"]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert headers["referrer-policy"] == "same-origin"


def test_A26_the_log_holds_no_secret() -> None:
    from controlplane.logs import redact

    for secret in (
        "Authorization: Bearer abcdefghijklmnop",
        "token=slw_abcdefghijklmnop",
        "{'password': 'abcdefghijklmnop'}",
        'password="abcdefghijklmnop"',
        "redis://:abcdefghijklmnop@localhost/0",
        "GET /files/abcdefghijklmnop.qrst HTTP/1.1",
        "/signin/abcdefghijklmnop",
        "Cookie: slipway_session=abcdefghijklmnop",
        "https://s3/x?X-Amz-Signature=abcdefghijklmnop&b=1",
    ):
        assert "abcdefghijklmnop" not in redact(secret), secret
    assert redact("epoch 3, loss 0.12, tokens 400") == "epoch 3, loss 0.12, tokens 400"
