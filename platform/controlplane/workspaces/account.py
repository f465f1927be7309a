"""Pages of the person who is signed in: settings, API tokens; language and theme for anybody."""

from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import available_timezones

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_http_methods, require_POST

from controlplane.accounts.adapter import remember_wishes
from controlplane.accounts.models import User
from controlplane.accounts.services import change_settings
from controlplane.errors import Problem
from controlplane.frame import slots
from controlplane.frame.context import THEMES
from controlplane.frame.pages import done, page, wrong_fields
from controlplane.workspaces.access import has_scope, public, signed_in
from controlplane.workspaces.models import ApiToken, Membership, Role, Scope, Workspace
from controlplane.workspaces.nav import LAST
from controlplane.workspaces.tokens import create_token, revoke_token

SCOPES = (
    (Scope.READ, _("Read"), _("see everything you see")),
    (Scope.WRITE, _("Write"), _("upload, start and stop, deploy")),
    (Scope.PREDICT, _("Predict"), _("call endpoints")),
    (Scope.ADMIN, _("Administer"), _("manage members and workspaces")),
)
REGIONS = ("Africa/", "America/", "Antarctica/", "Asia/", "Atlantic/", "Australia/", "Europe/", "Indian/", "Pacific/", "UTC")
LIFETIMES = (("30", _("In 30 days")), ("90", _("In 90 days")), ("365", _("In a year")), ("", _("Never")))


def last_place(request: HttpRequest) -> Workspace | None:
    """The workspace the person was in, else their first, so that the sidebar stays; these pages belong to no workspace."""
    asked = request.GET.get("ws") or request.COOKIES.get(LAST, "")
    mine = Membership.objects.filter(user_id=request.user.pk or 0).select_related("workspace").order_by("pk")
    member = mine.filter(workspace__slug=asked).first() or mine.first()
    if member is None:
        return None
    request.workspace, request.role = member.workspace, Role(member.role)  # type: ignore[attr-defined]
    return member.workspace


slots.places.append(last_place)


def back(request: HttpRequest) -> str:
    """The page the form was on, if it is one of ours; with the address it has by now, which may say more than when it was drawn."""
    target, now = request.POST.get("next", "/"), urlsplit(request.headers.get("Referer", ""))
    if now.query and now.netloc == request.get_host() and now.path == urlsplit(target).path:
        target = f"{now.path}?{now.query}"
    return target if url_has_allowed_host_and_scheme(target, None) else "/"


@require_POST
@public
def set_language(request: HttpRequest) -> HttpResponse:
    """The chosen language, kept in a cookie and, when signed in, in the account."""
    return _wish(request, "language", settings.LANGUAGE_COOKIE_NAME, [code for code, _name in settings.LANGUAGES])


@require_POST
@public
def set_theme(request: HttpRequest) -> HttpResponse:
    return _wish(request, "theme", "theme", list(THEMES))


def _wish(request: HttpRequest, field: str, cookie: str, allowed: list[str]) -> HttpResponse:
    chosen = request.POST.get(field, "")
    answer = redirect(back(request))
    if chosen in allowed:
        if isinstance(request.user, User):
            change_settings(user=request.user, **{field: chosen})
        answer.set_cookie(cookie, chosen, max_age=settings.LANGUAGE_COOKIE_AGE, samesite="Lax", secure=settings.HTTPS)
    return answer


@require_http_methods(["GET", "POST"])
@signed_in(scope="write")  # type: ignore[untyped-decorator]
def account(request: HttpRequest) -> HttpResponse:
    user: Any = request.user
    last_place(request)
    fields = ("name", "language", "theme", "timezone")
    form: dict[str, Any] = {field: request.POST.get(field, getattr(user, field)) for field in fields}
    form["keys"] = "on" in request.POST.getlist("keys") if request.method == "POST" else user.keys
    wrong: dict[str, str] = {}
    if request.method == "POST":
        try:
            user = change_settings(user=user, **form)
        except Problem as problem:
            wrong = wrong_fields(problem)
        else:
            done(request, _("Settings saved."))
            return remember_wishes(redirect("account"), user)
    context = {
        "nav": "account",
        "tab": "profile",
        "crumbs": [(_("Account settings"), "")],
        "form": form,
        "wrong": wrong,
        "languages": [("", _("As the browser says")), *User.Language.choices],
        "themes": User.Theme.choices,
        "zones": sorted({name for name in available_timezones() if name.startswith(REGIONS)} | {form["timezone"]} - {""}),
    }
    return page(request, "workspaces/account.html", context, status=422 if wrong else 200)


@require_http_methods(["GET", "POST"])
@signed_in(scope="write")  # type: ignore[untyped-decorator]
def tokens(request: HttpRequest) -> HttpResponse:
    """Your tokens; a new one is in the answer to the form alone, and nowhere afterwards."""
    user: Any = request.user
    last_place(request)
    place = Workspace.objects.visible_to(user).filter(slug=request.POST.get("workspace", "")).first()
    wrong: dict[str, str] = {}
    made: tuple[ApiToken, str] | None = None
    if request.method == "POST":
        try:
            made = _create(request, place)
        except Problem as problem:
            wrong = wrong_fields(problem)
    base = settings.PUBLIC_URL or request.build_absolute_uri("/").rstrip("/")
    ticked = request.POST.getlist("scopes") or [Scope.READ, Scope.WRITE, Scope.PREDICT]
    context = {
        "nav": "tokens",
        "crumbs": [(_("API tokens"), "")],
        "tokens": ApiToken.objects.visible_to(user).alive().filter(hidden=False).select_related("workspace").order_by("-created_at"),
        "form": {
            "name": request.POST.get("name", ""),
            "workspace": request.POST.get("workspace", ""),
            "days": request.POST.get("days", "90"),
        },
        "scopes": [(value, name, help, value in ticked) for value, name, help in SCOPES],
        "lifetimes": LIFETIMES,
        "made": made,
        "samples": samples(made, base) if made else [],
        "wrong": wrong,
    }
    return page(request, "workspaces/tokens.html", context, status=422 if wrong else 200)


def samples(made: tuple[ApiToken, str], base: str) -> list[tuple[str, str]]:
    """A first call the new token may make, whole, so that it runs as it is copied; none for one that may neither call nor read."""
    token, text = made
    found = [code for call in slots.calls for code in call(token.user, token.workspace)] if has_scope(token, Scope.PREDICT) else []
    if not found and has_scope(token, Scope.READ):
        found = _read_me(base)
    lead = {
        "curl": f"export SLIPWAY_TOKEN={text}\n",
        "Python": f'import os\n\nos.environ["SLIPWAY_TOKEN"] = "{text}"\n',
        "JavaScript": f'process.env.SLIPWAY_TOKEN = "{text}";\n',
    }
    return [(language, lead[language] + code.removeprefix("import os\n")) for language, code in found]


def _read_me(base: str) -> list[tuple[str, str]]:
    curl = f'curl {base}/api/v1/me \\\n  -H "Authorization: Bearer $SLIPWAY_TOKEN"'
    python = (
        "import os\nimport json, urllib.request\n\n"
        f'request = urllib.request.Request("{base}/api/v1/me")\n'
        'request.add_header("Authorization", f"Bearer {os.environ[\'SLIPWAY_TOKEN\']}")\n'
        "print(json.load(urllib.request.urlopen(request)))"
    )
    script = (
        f'const answer = await fetch("{base}/api/v1/me", {{\n'
        "  headers: { Authorization: `Bearer ${process.env.SLIPWAY_TOKEN}` },\n});\nconsole.log(await answer.json());"
    )
    return [("curl", curl), ("Python", python), ("JavaScript", script)]


def _create(request: HttpRequest, place: Workspace | None) -> tuple[ApiToken, str]:
    scopes = request.POST.getlist("scopes")
    if not scopes:
        message = str(_("Choose at least one scope."))
        raise Problem(422, "invalid", message, errors=[{"loc": ["body", "scopes"], "msg": message}])
    if request.POST.get("workspace") and place is None:
        raise Problem(404, "not_found", str(_("There is no such workspace here.")))
    days = request.POST.get("days", "")
    expires = timezone.now() + timedelta(days=int(days)) if days in {"30", "90", "365"} else None
    user: Any = request.user
    return create_token(user=user, scopes=scopes, workspace=place, name=request.POST.get("name", ""), expires_at=expires)


@require_POST
@signed_in(scope="write")  # type: ignore[untyped-decorator]
def revoke(request: HttpRequest, id: str) -> HttpResponse:
    token = ApiToken.objects.visible_to(request.user).filter(pk=id).first()
    if token:
        revoke_token(token=token)
        done(request, _("Token %(name)s was revoked and stops at once.") % {"name": token.name or token.prefix})
    return redirect("tokens")
