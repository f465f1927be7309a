"""Our own Markdown as a page: headings with anchors, links between files, pictures of known size, code that can be copied.

For text of this repository alone. Raw HTML is shown as text, and addresses other than http, https, mailto and our own are no links; text
of users goes through `registry.card_views.card`, which also cleans.
"""

import re
import struct
import unicodedata
from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

from django.conf import settings
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _
from markdown_it import MarkdownIt
from markdown_it.token import Token

PICTURES = re.compile(r"^(?:\.\./)+pictures/([\w-]+\.png)$")
NOTE = re.compile(r"^<!-- .* -->\n", re.M)  # marks for scripts
BESIDE = re.compile(r"^([a-z0-9-]+)\.md(#.*)?$")


class Prose(NamedTuple):
    """title: of the first heading, plain · html: all that follows it · parts: [(anchor, title)] of the second headings.

    sections: [(anchor, heading, text)] of every heading, to be searched.
    """

    title: str
    html: SafeString
    parts: list[tuple[str, str]]
    sections: list[tuple[str, str, str]]


def prose(source: str, *, links: str) -> Prose:
    """links: where the files beside this one have their pages, such as `/guide/en/`."""
    engine = MarkdownIt("commonmark", {"html": False}).enable("table")
    tokens = engine.parse(NOTE.sub("", source))
    title, parts, ids = "", [], _Anchors()
    sections: list[tuple[str, str, str]] = []
    for at, token in enumerate(tokens):
        if token.type == "heading_open":
            said = _plain(tokens[at + 1])
            token.attrSet("id", anchor := ids.of(said))
            title = said if token.tag == "h1" else title
            if token.tag == "h2":
                parts.append((anchor, said))
            sections.append((anchor, said, ""))
        elif sections and token.type in {"inline", "fence"}:
            anchor, said, text = sections[-1]
            sections[-1] = (anchor, said, f"{text} {_plain(token) or token.content}")
        for child in token.children or ():
            _point(child, links)
    begin = next((at + 3 for at, token in enumerate(tokens) if token.type == "heading_open" and token.tag == "h1"), 0)
    return Prose(title, _html(engine, tokens[begin:]), parts, sections)


class _Anchors:
    """Anchors as GitHub makes them, so that a link works there and here."""

    def __init__(self) -> None:
        self.seen: dict[str, int] = {}

    def of(self, heading: str) -> str:
        kept = "".join(c for c in heading.lower() if c in " -_" or unicodedata.category(c)[0] in "LN").replace(" ", "-")
        again = self.seen.get(kept, 0)
        self.seen[kept] = again + 1
        return f"{kept}-{again}" if again else kept


def _plain(inline: Token) -> str:
    return "".join(child.content for child in inline.children or ())


def _point(token: Token, links: str) -> None:
    """Lead links to files beside this one to their pages, and pictures to where they are served."""
    if token.type == "link_open":
        if found := BESIDE.match(str(token.attrGet("href") or "")):
            token.attrSet("href", f"{links}{found[1]}{found[2] or ''}")
    elif token.type == "image" and (found := PICTURES.match(str(token.attrGet("src") or ""))):
        token.attrSet("src", f"{settings.STATIC_URL}pictures/{found[1]}")
        width, height = measure(found[1])
        token.attrSet("width", str(width))
        token.attrSet("height", str(height))
        token.attrSet("loading", "lazy")


@cache
def measure(name: str) -> tuple[int, int]:
    """Width and height of a PNG in docs/pictures, so that the text does not move when it arrives."""
    with (settings.PICTURES / name).open("rb") as file:
        width, height = struct.unpack(">II", file.read(24)[16:])
    return int(width), int(height)


def _html(engine: MarkdownIt, tokens: Sequence[Token]) -> SafeString:
    """Rendered piece by piece: code blocks and tables get a frame of ours."""
    out, piece, codes = [], list[Token](), 0

    def flush() -> None:
        out.append(engine.renderer.render(piece, engine.options, {}))
        piece.clear()

    for token in tokens:
        if token.type == "fence":
            flush()
            codes += 1
            out.append(_code(token.content, f"code-{codes}"))
            continue
        if token.type == "table_open":
            flush()
            out.append('<div class="scroller" tabindex="0">')
        piece.append(token)
        if token.type == "table_close":
            flush()
            out.append("</div>")
    flush()
    return mark_safe("".join(out))  # noqa: S308 our own text; raw HTML in it was escaped


def _code(text: str, anchor: str) -> str:
    return format_html(
        '<div class="sample-code"><pre class="code" id="{0}" tabindex="0">{1}</pre>'
        '<button class="btn sm" type="button" data-copy="#{0}">{2}</button></div>',
        anchor,
        text.rstrip("\n"),
        _("Copy"),
    )
