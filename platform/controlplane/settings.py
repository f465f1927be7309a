"""The one settings file, read from the environment; every default makes a safe installation of one machine.

SLIPWAY_DEBUG=1 · SLIPWAY_URL (public address, e.g. https://slipway.example) · SLIPWAY_HOSTS (more host names, by comma) ·
DATABASE_URL (postgres://…; default SQLite under SLIPWAY_HOME) · REDIS_URL · STORAGE_URL · SIGNUP=open|invited ·
EMAIL_HOST EMAIL_PORT EMAIL_HOST_USER EMAIL_HOST_PASSWORD EMAIL_FROM (default: mail goes to the log).
"""

import os
import sys
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured
from django.utils.translation import gettext_lazy as _

from workers.contract.home import ROOT, redis_url, secret, slipway_home

BASE_DIR = Path(__file__).resolve().parents[1]
FRONTEND = ROOT / "frontend_templates"
DEBUG = os.environ.get("SLIPWAY_DEBUG", "") in {"1", "true", "yes"}
SIGNUP = os.environ.get("SIGNUP", "invited")
if SIGNUP not in {"open", "invited"}:
    raise ImproperlyConfigured("SIGNUP must be `open` or `invited`")

SECRET_KEY = secret("secret_key")
if not DEBUG and (len(SECRET_KEY) < 32 or len(set(SECRET_KEY)) < 12 or SECRET_KEY.startswith(("django-insecure", "change"))):
    raise ImproperlyConfigured("SLIPWAY_SECRET_KEY is a default or too weak: unset it (a random one is made) or give 32 random characters")

# --- Address -----------------------------------------------------------------------------------------------------
PUBLIC_URL = os.environ.get("SLIPWAY_URL", "").rstrip("/")
HTTPS = PUBLIC_URL.startswith("https://")
_public = urlsplit(PUBLIC_URL)
ALLOWED_HOSTS = ["localhost", "127.0.0.1", "[::1]"]
ALLOWED_HOSTS += [host for host in (_public.hostname, urlsplit(os.environ.get("SLIPWAY_DOOR", "")).hostname) if host]
ALLOWED_HOSTS += [host.strip() for host in os.environ.get("SLIPWAY_HOSTS", "").split(",") if host.strip()]
CSRF_TRUSTED_ORIGINS = [f"{_public.scheme}://{_public.netloc}"] if PUBLIC_URL else []
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if HTTPS else None
ROOT_URLCONF = "controlplane.urls"
ASGI_APPLICATION = "controlplane.asgi.application"
APPEND_SLASH = False

# --- Rooms -------------------------------------------------------------------------------------------------------
INSTALLED_APPS = [
    "controlplane.apps.ControlPlane",
    "controlplane.accounts",
    "controlplane.workspaces",
    "controlplane.audit",
    "controlplane.notifications",
    "controlplane.jobs",
    "controlplane.data",
    "controlplane.registry",
    "controlplane.training",
    "controlplane.serving",
    "controlplane.frame",
    "unfold.apps.BasicAppConfig",
    "django.contrib.admin.apps.SimpleAdminConfig",
    "ninja",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.usersessions",
    "django_htmx",
    "template_partials",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "django.forms",  # the templates of its widgets
]
# Each one runs on the event loop without a thread hop; see middleware.py.
MIDDLEWARE = [
    "controlplane.middleware.RequestId",
    "controlplane.middleware.Security",
    "controlplane.middleware.ContentPolicy",
    "controlplane.middleware.Session",
    "controlplane.middleware.Language",
    "controlplane.middleware.Common",
    "controlplane.middleware.Csrf",
    "controlplane.middleware.Authentication",
    "controlplane.middleware.Messages",
    "allauth.account.middleware.AccountMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "controlplane.waiting.Waiting",
]
TEMPLATES: list[dict[str, Any]] = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [FRONTEND],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.template.context_processors.i18n",
                "django.template.context_processors.tz",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "controlplane.frame.context.frame",
            ],
        },
    }
]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
FORM_RENDERER = "django.forms.renderers.TemplatesSetting"


# --- Database ----------------------------------------------------------------------------------------------------
def _sqlite() -> dict[str, Any]:
    """WAL, writes that take their lock at once and survive a power cut."""
    home = slipway_home()
    pragmas = "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA busy_timeout=20000; PRAGMA foreign_keys=ON;"
    return {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": home / "db.sqlite3",
        "CONN_MAX_AGE": 300,
        "OPTIONS": {"transaction_mode": "IMMEDIATE", "timeout": 20, "init_command": pragmas},
        "TEST": {"NAME": home / "test.sqlite3"},
    }


def _postgres(url: str) -> dict[str, Any]:
    """A pooled connection to `postgres://user:password@host:port/name?sslmode=…`."""
    parts = urlsplit(url)
    if parts.scheme not in {"postgres", "postgresql"}:
        raise ImproperlyConfigured("DATABASE_URL must begin with postgres:// (leave it out for SQLite)")
    options = dict(parse_qsl(parts.query))
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": unquote(parts.path.lstrip("/")),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": options.pop("host", None) or parts.hostname or "",
        "PORT": str(parts.port or ""),
        "OPTIONS": {"connect_timeout": 2, **options, "pool": {"min_size": 1, "max_size": 24, "timeout": 5}},
    }


DATABASE_URL = os.environ.get("DATABASE_URL", "")
DATABASES = {"default": _postgres(DATABASE_URL) if DATABASE_URL else _sqlite()}

# --- Hints: never the record -------------------------------------------------------------------------------------
CHANNEL_LAYERS = {
    "default": {
        "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
        "CONFIG": {"hosts": [redis_url()], "prefix": "slipway"},
    }
}
CACHES = {"default": {"BACKEND": "controlplane.cache.PatientCache", "LOCATION": redis_url(), "KEY_PREFIX": "cache", "TIMEOUT": 300}}

# --- People ------------------------------------------------------------------------------------------------------
AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.Argon2PasswordHasher"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "/"
ACCOUNT_LOGOUT_REDIRECT_URL = "/"
ACCOUNT_ADAPTER = "controlplane.accounts.adapter.AccountAdapter"
MFA_ADAPTER = "controlplane.accounts.adapter.MfaAdapter"
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_FORMS = {"set_password": "controlplane.accounts.first.FirstPasswordForm"}
ACCOUNT_SIGNUP_FORM_CLASS = "controlplane.accounts.forms.SignupForm"
ACCOUNT_EMAIL_VERIFICATION = os.environ.get("EMAIL_VERIFICATION", "mandatory" if os.environ.get("EMAIL_HOST") else "optional")
ACCOUNT_EMAIL_SUBJECT_PREFIX = "[Slipway] "
ACCOUNT_DEFAULT_HTTP_PROTOCOL = "https" if HTTPS else "http"
ACCOUNT_SESSION_REMEMBER = None  # the sign-in page asks
SESSION_COOKIE_AGE = 30 * 86400
MAIL_ON = bool(os.environ.get("EMAIL_HOST"))
ACCOUNT_LOGIN_BY_CODE_ENABLED = True
ACCOUNT_LOGIN_BY_CODE_TIMEOUT = 900
ACCOUNT_EMAIL_NOTIFICATIONS = True
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = not HTTPS
MFA_TOTP_ISSUER = "Slipway"

EMAIL_BACKEND = "controlplane.mail.Queued"
MAIL_DELIVERY = f"django.core.mail.backends.{'smtp' if os.environ.get('EMAIL_HOST') else 'console'}.EmailBackend"
EMAIL_HOST = os.environ.get("EMAIL_HOST", "")
EMAIL_PORT = int(os.environ.get("EMAIL_PORT", "587"))
EMAIL_HOST_USER = os.environ.get("EMAIL_HOST_USER", "")
EMAIL_HOST_PASSWORD = os.environ.get("EMAIL_HOST_PASSWORD", "")
EMAIL_USE_TLS = EMAIL_PORT == 587
EMAIL_USE_SSL = EMAIL_PORT == 465
EMAIL_TIMEOUT = 10
DEFAULT_FROM_EMAIL = os.environ.get("EMAIL_FROM", "Slipway <slipway@localhost>")

# --- Browser safety ----------------------------------------------------------------------------------------------
SESSION_COOKIE_NAME = "slipway_session"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_SECURE = HTTPS
CSRF_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_SECURE = HTTPS
LANGUAGE_COOKIE_SAMESITE = "Lax"
LANGUAGE_COOKIE_SECURE = HTTPS
LANGUAGE_COOKIE_AGE = 365 * 86400
MESSAGE_STORAGE = "django.contrib.messages.storage.cookie.CookieStorage"
SECURE_HSTS_SECONDS = 31536000 if HTTPS else 0
SECURE_REFERRER_POLICY = "same-origin"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": ["'none'"],
        "script-src": ["'self'"],
        "style-src": ["'self'"],
        "style-src-attr": ["'unsafe-inline'"],
        "img-src": ["'self'", "data:", "blob:"],
        "media-src": ["'self'", "blob:"],
        "font-src": ["'self'"],
        "connect-src": ["'self'"],
        "manifest-src": ["'self'"],
        "form-action": ["'self'"],
        "base-uri": ["'none'"],
        "frame-ancestors": ["'none'"],
    }
}
DATA_UPLOAD_MAX_MEMORY_SIZE = 18 * 1024 * 1024  # a form with a file of 16 MB; the entry (asgi.py) has the finer limits
FILE_UPLOAD_MAX_MEMORY_SIZE = 1024 * 1024
DATA_UPLOAD_MAX_NUMBER_FIELDS = 1000
DATA_UPLOAD_MAX_NUMBER_FILES = 100

# --- Words, times ------------------------------------------------------------------------------------------------
LANGUAGE_CODE = "en"
LANGUAGES = [("en", _("English")), ("zh-hans", _("Simplified Chinese"))]
LOCALE_PATHS = [BASE_DIR / "locale"]
USE_I18N = True
USE_TZ = True
TIME_ZONE = "UTC"

# --- Assets ------------------------------------------------------------------------------------------------------
STATIC_URL = "/static/"
STATIC_ROOT = slipway_home() / "static"
VITE_DIST = FRONTEND / "assets" / "dist"
PICTURES = ROOT / "docs/pictures"  # of the user guide
STATICFILES_DIRS: list[Any] = [VITE_DIST] if VITE_DIST.is_dir() else []
STATICFILES_DIRS += [("pictures", PICTURES)] if PICTURES.is_dir() else []
VITE_MANIFEST = VITE_DIST / ".vite" / "manifest.json"

# --- The operators' view, read-only: see operators.py ----------------------------------------------------------------
_BLUE = ("#eef3ff", "#e8eefe", "#c9d8fd", "#a3bdfb", "#7ea6ff", "#4f7df3", "#1d4ed8", "#1a47c4", "#16378f", "#16254a", "#0d1733")
UNFOLD = {
    "SITE_TITLE": "Slipway",
    "SITE_HEADER": "Slipway",
    "SITE_SYMBOL": "monitoring",
    "SITE_FAVICONS": [{"rel": "icon", "href": lambda _request: "data:,"}],
    "SHOW_HISTORY": False,
    "SHOW_VIEW_ON_SITE": False,
    "COLORS": {"primary": dict(zip(("50", *(str(step) for step in range(100, 1000, 100)), "950"), _BLUE, strict=True))},
}

# --- Log ---------------------------------------------------------------------------------------------------------
LOG_LEVEL = os.environ.get("LOG_LEVEL", "INFO")
LOGGING: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {"redact": {"()": "controlplane.logs.Redact"}},
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s %(message)s"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "stream": sys.stderr, "filters": ["redact"], "formatter": "line"}},
    "root": {"handlers": ["stderr"], "level": LOG_LEVEL},
    "loggers": {name: {"level": "INFO"} for name in ("django.server", "uvicorn.access")}
    | {"django.request": {"level": "ERROR"}},  # what callers did wrong is in the answer they got
}
