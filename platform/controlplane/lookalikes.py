"""Titles that look like something they are not: another's title, letters of two scripts in one word, hidden characters.

Never refused, for every script has honest uses; whoever gives or meets such a title is told. Looks are compared after the manner of
Unicode's UTS 39, with the letters of Latin, Greek and Cyrillic that are drawn alike.
"""

import re
import unicodedata
from collections.abc import Iterable
from typing import NamedTuple

_CAPITALS = str.maketrans("ΑΒΕΖΗΙΚΜΝΟΡΤΥΧАВЕКМНОРСТУХЅІЈ", "ABEZHIKMNOPTYXABEKMHOPCTYXSIJ")
_SMALL = str.maketrans("αγικνορτυχавекмнорстухіјѕԁһӏԛԝѵ01|i", "ayiknoptuxabekmhopctyxijsdhlqwvolll")
_WORD = re.compile(r"[^\W\d_]+")
_SCRIPTS = ("LATIN", "CYRILLIC", "GREEK")
_JOINERS = frozenset("\u200c\u200d")  # honest between letters of Arabic and Indic scripts, and inside emoji


class Oddity(NamedTuple):
    code: str
    message: str


def skeleton(text: str) -> str:
    """Equal for titles that look equal: without what cannot be seen, every letter as the Latin one it is drawn like."""
    seen = (c for c in unicodedata.normalize("NFKD", text) if unicodedata.category(c) not in {"Cf", "Mn", "Me"})
    return " ".join("".join(seen).translate(_CAPITALS).casefold().translate(_SMALL).translate(_SMALL).split())


def oddities(title: str, others: Iterable[str]) -> list[Oddity]:
    """What is to be said of a title. others: the titles and names its reader knows."""
    found = []
    if any(_hidden(before, c) for before, c in zip(" " + title, title, strict=False)):
        found.append(Oddity("hidden_characters", "The title holds characters that cannot be seen."))
    if any(len(_scripts(word)) > 1 for word in _WORD.findall(title)):
        found.append(Oddity("mixed_scripts", "A word of the title mixes letters of several scripts."))
    look = skeleton(title)
    if alike := next((other for other in others if look and skeleton(other) == look), None):
        found.append(Oddity("looks_like_another", f"The title looks like “{alike}”, which is something else."))
    return found


def _hidden(before: str, c: str) -> bool:
    return unicodedata.category(c) == "Cf" and (c not in _JOINERS or before.isascii())


def _scripts(word: str) -> set[str]:
    return {script for c in word for script in _SCRIPTS if unicodedata.name(c, "").startswith(script)}
