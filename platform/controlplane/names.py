"""What a thing may be called: slugs in addresses, free titles in any language."""

import re
import unicodedata

from controlplane.errors import Problem
from controlplane.limits import limit
from workers.contract.names import SLUG

_SLUG = re.compile(SLUG)
_DIRECTION = set("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def check_slug(text: str, *, field: str = "name") -> str:
    """`text` if it is a slug; 422 `name_too_long`, `invisible_name` or `bad_name` otherwise."""
    if len(text) > limit("slug"):
        raise _problem("name_too_long", field, f"`{field}` has {len(text)} characters; at most {limit('slug')} are allowed.")
    if not _visible(text):
        raise _problem("invisible_name", field, f"`{field}` has no visible character.")
    if not _SLUG.fullmatch(text):
        hint = f"For example `{slugify(text)}`." if slugify(text) else "For example `customer-reviews`."
        raise _problem("bad_name", field, f"`{field}` may hold a-z, 0-9 and, inside, hyphens.", hint)
    return text


def check_title(text: str, *, field: str = "title", required: bool = False) -> str:
    """`text`, normalised and stripped; it may be empty unless required. 422 `name_too_long` or `invisible_name`."""
    if len(text) > limit("title"):
        raise _problem("name_too_long", field, f"`{field}` has {len(text)} characters; at most {limit('title')} are allowed.")
    clean = unicodedata.normalize("NFC", text).strip()
    if (text or required) and not _visible(clean):
        raise _problem("invisible_name", field, f"`{field}` has no visible character.")
    if any(unicodedata.category(c) == "Cc" or c in _DIRECTION for c in clean):
        raise _problem("invisible_name", field, f"`{field}` has control characters.", "Remove line breaks and direction marks.")
    return clean


def slugify(text: str) -> str:
    """The slug nearest to `text`; empty when nothing of it can stand in an address."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[: limit("slug")].rstrip("-")


def _visible(text: str) -> bool:
    """Whether something can be seen: letters, figures, signs, emoji; not only spaces, joiners and marks."""
    return any(unicodedata.category(c)[0] in "LNPS" for c in text)


def _problem(code: str, field: str, detail: str, hint: str = "") -> Problem:
    return Problem(422, code, detail, hint, errors=[{"loc": ["body", field], "msg": detail}])
