"""The card of a version: read, edited beside a preview, and given back to the generator."""

import re
from typing import Any

import nh3
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods
from markdown_it import MarkdownIt

from controlplane.frame.pages import done, page
from controlplane.registry import services
from controlplane.registry.api import the_version
from controlplane.registry.cards import CARD_MAX
from controlplane.workspaces.access import needs

_HEADLESS = re.compile(r"<thead>\s*<tr>\s*(<th[^>]*></th>\s*)+</tr>\s*</thead>")
_markdown = MarkdownIt("commonmark", {"html": False}).enable("table")


def card(text: str) -> SafeString:
    """Markdown as HTML: no raw HTML, no scripts, no pictures from elsewhere."""
    html = nh3.clean(_markdown.render(text), tags=nh3.ALLOWED_TAGS - {"img"}, url_schemes={"http", "https", "mailto"})
    for old, new in (("<h3>", "<h4>"), ("</h3>", "</h4>"), ("<h2>", "<h3>"), ("</h2>", "</h3>"), ("<h1>", "<h2>"), ("</h1>", "</h2>")):
        html = html.replace(old, new)  # the page has its own h1
    html = _HEADLESS.sub("", html).replace("<pre>", '<pre tabindex="0">')
    html = html.replace("<table>", '<div class="scroller" tabindex="0"><table>').replace("</table>", "</table></div>")
    return mark_safe(html)  # noqa: S308 cleaned above; what was added is ours


@require_http_methods(["GET", "POST"])
@needs("editor")
def edit(request: HttpRequest, ws: str, name: str, n: int) -> HttpResponse:
    """act: preview (nothing is kept yet), restore, else save."""
    found = the_version(request, name, n)
    act, text = request.POST.get("act", ""), request.POST.get("card", found.shown_card).replace("\r\n", "\n")
    wrong: dict[str, str] = {}
    if len(text) > CARD_MAX:
        wrong["card"] = _("The card has %(n)s characters; at most %(most)s are kept.") % {"n": f"{len(text):,}", "most": f"{CARD_MAX:,}"}
    elif request.method == "POST" and act != "preview":
        services.edit_card(version=found, user=request.user, card=None if act == "restore" else text)
        done(request, _("The generated card is back.") if act == "restore" else _("The card was saved."))
        return redirect("model-tab", ws=ws, name=name, n=n, tab="card")
    here: dict[str, Any] = {"ws": ws, "name": name, "n": n}
    crumbs = [
        (_("Registry"), reverse("models", kwargs={"ws": ws})),
        (f"{name} v{n}", reverse("model-version", kwargs=here)),
        (_("Edit card"), ""),
    ]
    context = {"nav": "models", "crumbs": crumbs, "version": found, "text": text, "wrong": wrong, "most": CARD_MAX}
    context["preview"] = card(text[:CARD_MAX])
    return page(request, "registry/card_edit.html", context, parts=("preview",), status=422 if wrong else 200)
