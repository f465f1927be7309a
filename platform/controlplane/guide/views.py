"""The guide's pages: each has an address for each language, and one without, which leads to the reader's."""

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import get_language, override
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from controlplane.frame.pages import page
from controlplane.guide import shelf
from controlplane.workspaces.access import public


@require_GET
@public
def begin(request: HttpRequest, name: str = "") -> HttpResponse:
    """To the page in the reader's language; to the first page for a language, or for no name."""
    if name in shelf.LANGUAGES:
        return redirect("guide-in", lang=name, name=shelf.PAGES[0])
    if name and name not in shelf.PAGES:
        raise Http404
    lang = "zh" if (get_language() or "").startswith("zh") else "en"
    return redirect("guide-in", lang=lang, name=name or shelf.PAGES[0])


@require_GET
@public
def read(request: HttpRequest, lang: str, name: str) -> HttpResponse:
    """One page, with the frame in the page's language. Whoever chooses another language there gets the same page in it."""
    if lang not in shelf.LANGUAGES or name not in shelf.PAGES:
        raise Http404
    place = shelf.PAGES.index(name)
    with override(shelf.LANGUAGES[lang]):
        leaves = [(other, shelf.leaf(lang, other).title) for other in shelf.PAGES]
        context = {
            "layout": "base.html" if request.user.is_authenticated else "guide/open.html",
            "crumbs": [(_("User guide"), "")],
            "leaf": shelf.leaf(lang, name),
            "name": name,
            "lang": lang,
            "leaves": leaves,
            "before": leaves[place - 1] if place else None,
            "after": leaves[place + 1] if place + 1 < len(leaves) else None,
            "language_next": f"/guide/{name}",
        }
        return page(request, "guide/page.html", context)
