"""The middlewares, run on the event loop: none but a changed session and a checked form touches a disk, so none needs a thread.

Django wraps each synchronous middleware in two thread hops per request; these subclasses call the same code in place.
"""

import re
import secrets
from collections.abc import Callable
from typing import Any, cast

from asgiref.sync import iscoroutinefunction, sync_to_async
from csp.middleware import CSPMiddleware
from django.contrib.auth.middleware import AuthenticationMiddleware
from django.contrib.messages.middleware import MessageMiddleware
from django.contrib.sessions.middleware import SessionMiddleware
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.middleware.common import CommonMiddleware
from django.middleware.csrf import CsrfViewMiddleware
from django.middleware.locale import LocaleMiddleware
from django.middleware.security import SecurityMiddleware
from django.template.loader import select_template
from django.urls import reverse
from django.utils import timezone
from django.utils.decorators import sync_and_async_middleware

from controlplane.audit import context as audit
from controlplane.errors import CONTENT_TYPE, Problem, standard
from controlplane.frame.pages import not_taken

_SANE_ID = re.compile(r"^[A-Za-z0-9._-]{1,64}$")
_SAFE = {"GET", "HEAD", "OPTIONS", "TRACE"}


def _begin(request: HttpRequest) -> str:
    """Names the request and remembers for the audit log where it comes from."""
    given = request.headers.get("X-Request-Id", "")
    scope = getattr(request, "scope", {})
    name: str = scope.get("request_id") or (given if _SANE_ID.match(given) else secrets.token_hex(8))
    request.request_id = name  # type: ignore[attr-defined]
    audit.begin(ip=client_ip(request), request_id=name)
    return name


def client_ip(request: HttpRequest) -> str | None:
    """The peer's address; uvicorn has already believed X-Forwarded-For where it was told to trust the proxy."""
    return request.META.get("REMOTE_ADDR") or None


def _finish(request: HttpRequest, response: HttpResponseBase, name: str) -> HttpResponseBase:
    """Every answer carries the request's id; every error of the API has the one shape, whoever made it; a page for a wrong method."""
    if (
        request.path_info.startswith("/api/")
        and isinstance(response, HttpResponse)
        and response.status_code >= 400
        and not _is_json(response)
    ):
        response.content = standard(response.status_code).as_bytes(name)
        response["Content-Type"] = CONTENT_TYPE
        response["Content-Length"] = str(len(response.content))
    elif response.status_code == 405 and isinstance(response, HttpResponse):
        response = not_taken(request, response)
    response["X-Request-Id"] = name
    return response


def _is_json(response: HttpResponseBase) -> bool:
    return "json" in response.get("Content-Type", "")


@sync_and_async_middleware
def RequestId(get_response: Callable[[HttpRequest], Any]) -> Callable[[HttpRequest], Any]:
    """The outermost: names each request."""
    if iscoroutinefunction(get_response):

        async def named(request: HttpRequest) -> HttpResponseBase:
            name = _begin(request)
            return _finish(request, await get_response(request), name)

        named.process_exception = show_problem  # type: ignore[attr-defined]
        return named

    def named_sync(request: HttpRequest) -> HttpResponseBase:
        name = _begin(request)
        return _finish(request, get_response(request), name)

    named_sync.process_exception = show_problem  # type: ignore[attr-defined]
    return named_sync


def show_problem(request: HttpRequest, error: Exception) -> HttpResponseBase | None:
    """A Problem that a page did not handle, as a page; of a part that htmx asked for, as its words alone."""
    if not isinstance(error, Problem):
        return None
    request.problem = error  # type: ignore[attr-defined]
    if error.status == 401:
        response = HttpResponse(status=401, headers={"HX-Redirect": reverse("account_login")})
    elif request.headers.get("HX-Request"):
        response = HttpResponse(f"{error.detail} {error.hint}".strip(), content_type="text/plain; charset=utf-8", status=error.status)
    else:
        template = select_template([f"{error.status}.html", "400.html"])
        response = HttpResponse(template.render({"problem": error}, request), status=error.status)
    for name, value in error.headers.items():
        response[name] = value
    return response


class Inline:
    """Runs a middleware's hooks in place. Only for hooks that never wait for a disk or a network."""

    async def __acall__(self, request: HttpRequest) -> HttpResponseBase:
        before: Callable[..., Any] | None = getattr(self, "process_request", None)
        response = before(request) if before else None
        if response is None:
            response = await self.get_response(request)  # type: ignore[attr-defined]
        after: Callable[..., Any] | None = getattr(self, "process_response", None)
        return cast(HttpResponseBase, after(request, response) if after else response)


class Security(Inline, SecurityMiddleware):
    """HSTS, nosniff, Referrer-Policy, Cross-Origin-Opener-Policy."""

    def process_response(self, request: HttpRequest, response: Any) -> Any:
        response.setdefault("Permissions-Policy", "camera=(), geolocation=(), payment=(), usb=(), microphone=(self)")
        return super().process_response(request, response)


class ContentPolicy(Inline, CSPMiddleware):
    """Content-Security-Policy and, for browsers before it, X-Frame-Options."""

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        response.setdefault("X-Frame-Options", "DENY")
        if "Content-Security-Policy" in response:  # an answer that brings a stricter one, such as a user's file
            return response
        return super().process_response(request, response)


class Session(Inline, SessionMiddleware):
    """Sessions are lazy; only one that changed is written, on a thread."""

    async def __acall__(self, request: HttpRequest) -> HttpResponseBase:
        self.process_request(request)
        response: Any = await self.get_response(request)  # type: ignore[misc]
        session = request.session
        if session.modified:
            return await sync_to_async(self.process_response, thread_sensitive=True)(request, response)  # type: ignore[arg-type]
        return self.process_response(request, response)  # type: ignore[arg-type]


class Language(Inline, LocaleMiddleware):
    """Language and time zone as the cookies say; signing in sets them from the account."""

    def process_request(self, request: HttpRequest) -> None:
        super().process_request(request)
        name = request.COOKIES.get("timezone", "")
        if name and name in _timezones():
            timezone.activate(name)
        else:
            timezone.deactivate()


class Common(Inline, CommonMiddleware):
    pass


class Csrf(Inline, CsrfViewMiddleware):
    """Reads the form (and so perhaps a spooled file) only where a form was posted."""

    async def process_view(  # type: ignore[override]
        self, request: HttpRequest, callback: Callable[..., Any], args: Any, kwargs: Any
    ) -> HttpResponseBase | None:
        check = super().process_view
        if request.method in _SAFE or getattr(callback, "csrf_exempt", False):
            return check(request, callback, args, kwargs)
        return await sync_to_async(check, thread_sensitive=True)(request, callback, args, kwargs)


class Authentication(Inline, AuthenticationMiddleware):
    pass


class Messages(Inline, MessageMiddleware):
    pass


def _timezones() -> frozenset[str]:
    import zoneinfo

    global _ZONES
    if _ZONES is None:
        _ZONES = frozenset(zoneinfo.available_timezones())
    return _ZONES


_ZONES: frozenset[str] | None = None
