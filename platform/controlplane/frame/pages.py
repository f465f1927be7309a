"""How a view answers: a whole page, or the part of it that htmx asked for."""

import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.template.loader import get_template
from django.urls import Resolver404, resolve
from django.utils.translation import get_language

from controlplane.errors import Problem
from controlplane.frame.problems import told
from controlplane.lookalikes import Oddity
from controlplane.paging import ListQuery

_TARGET = re.compile(r"^[a-z-]+#([a-z][a-z0-9-]*)$")

# The page of a workspace on which the forms of such an address stand, where that is not simply the address above.
FORMS_OF = {"settings": "members", "invitations": "members", "queue": "workers", "dataset-columns": "datasets", "sample-data": "datasets"}
WINDOW_SECONDS = 60  # of every limit of allauth that ends in a page; the finer ones are said in the form


def page(request: HttpRequest, template: str, context: dict[str, Any], *, parts: tuple[str, ...] = (), status: int = 200) -> HttpResponse:
    """The page, or its partial of the same name as the htmx target, if that is one of `parts`.

    The permission was checked by the view's decorator before either is drawn.
    """
    match = _TARGET.match(request.headers.get("HX-Target", ""))
    if match and request.headers.get("HX-Request-Type") == "partial" and match[1] in parts:
        template = f"{template}#{match[1]}"
    response = render(request, template, context, status=status)
    response["Vary"] = "HX-Request, HX-Target, Cookie, Accept-Language"
    response["Cache-Control"] = "no-store"
    return response


def broken(request: HttpRequest) -> HttpResponse:
    """The page of an error of ours: in the reader's theme, with the request's name, and nothing that could fail again."""
    return HttpResponse(_bare(request, "500.html"), status=500)


def _bare(request: HttpRequest, template: str) -> str:
    """A page that asks no database, drawn where neither session nor person is known."""
    theme = request.COOKIES.get("theme", "")
    return str(get_template(template).render({"theme": theme if theme in ("light", "dark") else "system", "request": request}))


def not_taken(request: HttpRequest, refusal: HttpResponse) -> HttpResponse:
    """For a browser at an address that takes only forms: the page the form stands on. Any other wrong method: a page that says so."""
    if "text/html" not in request.headers.get("Accept", ""):
        return refusal
    if request.method == "GET":
        return redirect(page_around(request.path_info))
    refusal.content, refusal["Content-Type"] = _bare(request, "405.html").encode(), "text/html; charset=utf-8"
    return refusal


def page_around(path: str) -> str:
    """The nearest page above an address that takes only forms."""
    parts = path.strip("/").split("/")[:-1]
    place = path.split("/")[3] if path.startswith("/w/") and len(path.split("/")) > 3 else ""
    if place in FORMS_OF:
        parts[2:] = [FORMS_OF[place]]
    while parts:
        with suppress(Resolver404):
            resolve(above := "/" + "/".join(parts))
            return above
        parts.pop()
    return "/"


def too_often(request: HttpRequest) -> HttpResponse:
    """The page of who signs in, signs up or changes an account too often; allauth counts by the minute."""
    response = render(request, "429.html", {"seconds": WINDOW_SECONDS}, status=429)
    response["Retry-After"] = str(WINDOW_SECONDS)
    response["Cache-Control"] = "no-store"
    return response


def asked(request: HttpRequest) -> ListQuery:
    """What a list page's address asks for, cut to what a list takes; the same parameters as the API's lists."""
    given = {
        name: request.GET[name][:size]
        for name, size in (("q", 200), ("cursor", 1000), ("state", 200), ("sort", 64))
        if request.GET.get(name)
    }
    return ListQuery.model_validate(given)


def returned(request: HttpRequest, here: str) -> HttpResponse:
    """To the list a form stood on, filtered as it was: the form's `back` if that is an address of the list, else the list."""
    back = request.POST.get("back", "")
    return redirect(back if back == here or back.startswith(f"{here}?") else here)


def said(both: Any) -> str:
    """The words of the reader's language out of {en, zh} or a pair of both."""
    chinese = (get_language() or "").startswith("zh")
    if isinstance(both, Mapping):
        return str(both.get("zh" if chinese else "en") or both.get("en") or "")
    if isinstance(both, tuple):
        return str(both[1] if chinese else both[0])
    return str(both)


def done(request: HttpRequest, text: Any) -> None:
    """What came of an action, said on the page that follows."""
    messages.success(request, str(text))


def careful(request: HttpRequest, oddities: Iterable[Oddity]) -> None:
    """What was done all the same but deserves a second look, said on the page that follows."""
    for oddity in oddities:
        messages.warning(request, told(oddity.code, oddity.message))


def sorry(request: HttpRequest, problem: Problem) -> None:
    """Why an action did not happen, and what to do, said on the page that follows."""
    places = [str(error["msg"]) for error in problem.errors[:5] if error.get("msg") and error["msg"] not in problem.detail]
    messages.error(request, told(problem.code, " ".join([problem.detail, *places, problem.hint]).strip()))


def wrong_fields(problem: Problem) -> dict[str, str]:
    """Field → message of a Problem's errors; what has no field stands under the empty name. Two for one field are joined."""
    out: dict[str, str] = {}
    for error in problem.errors:
        place = [str(part) for part in error.get("loc", []) if part != "body"]
        name = ".".join(place)
        said_of = told(problem.code if len(problem.errors) == 1 else "", error.get("msg", ""))
        out[name] = f"{out[name]} {said_of}" if name in out else said_of
    return out or {"": told(problem.code, f"{problem.detail} {problem.hint}".strip())}
