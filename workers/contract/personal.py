"""Personal data in texts, by exact patterns with checksums: telephone numbers, e-mail addresses, Chinese identity numbers, bank cards.

What has a checksum must pass it (ISO 7064 MOD 11-2, Luhn); mobile and fixed numbers must have the shape their numbering plan gives them.
Names and postal addresses are not looked for: without a language model a list of patterns would be wrong more often than right.
"""

import re
from collections.abc import Iterator
from typing import Literal, NamedTuple

Kind = Literal["phone", "email", "id_number", "card"]
KINDS: tuple[Kind, ...] = ("phone", "email", "id_number", "card")
MASKS: dict[Kind, str] = {"phone": "[PHONE]", "email": "[EMAIL]", "id_number": "[ID]", "card": "[CARD]"}

# A text without this has nothing to find. It is also read by RE2, which has no look-around.
PREFILTER = r"@|[0-9](?:[ ().-]{0,2}[0-9]){7}"
LEAST = 10**10  # of a whole number that could be one: a mobile number has 11 figures

_START, _END = r"(?<![0-9A-Za-z_])(?<![0-9][.-])", r"(?![0-9A-Za-z_])(?![.-][0-9])"
_DATE = r"(?:18|19|20)[0-9]{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])"
_PATTERNS: tuple[tuple[Kind, re.Pattern[str]], ...] = (
    (
        "email",
        re.compile(
            r"(?<![A-Za-z0-9._%+-])[A-Za-z0-9_%+-][A-Za-z0-9._%+-]{0,63}@(?:[A-Za-z0-9-]{1,63}\.){1,8}[A-Za-z]{2,24}(?![A-Za-z0-9])"
        ),
    ),
    ("id_number", re.compile(f"{_START}[1-9][0-9]{{5}}{_DATE}[0-9]{{3}}[0-9Xx]{_END}")),
    (
        "card",
        re.compile(
            _START + r"(?:[0-9]{4}([ -])[0-9]{4}\1[0-9]{4}\1[0-9]{4}(?:\1[0-9]{1,3})?"
            r"|3[0-9]{3}[ -][0-9]{6}[ -][0-9]{5}|[0-9]{14,19})" + _END
        ),
    ),
    (
        "phone",
        re.compile(
            _START + r"(?:(?:(?:\+|00)?86[ -]?)?1[3-9][0-9]([ -]?)[0-9]{4}\1[0-9]{4}"  # a Chinese mobile number
            r"|0[1-9][0-9]{1,2}-[2-9][0-9]{6,7}"  # a Chinese fixed number with its area
            r"|\+[1-9](?:[ ().-]{0,2}[0-9]){6,13}[0-9]"  # any with its country
            r"|(?:\([2-9][0-9]{2}\) ?|[2-9][0-9]{2}[ .-])[2-9][0-9]{2}[ .-][0-9]{4})" + _END  # one of North America
        ),
    ),
)
_PROVINCES = frozenset("11 12 13 14 15 21 22 23 31 32 33 34 35 36 37 41 42 43 44 45 46 50 51 52 53 54 61 62 63 64 65 71 81 82 83".split())
_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_ISSUERS = re.compile(  # Visa, Mastercard, American Express, UnionPay, JCB, Discover, Diners Club; each with its lengths
    r"4[0-9]{15}(?:[0-9]{3})?|(?:5[1-5][0-9]{2}|222[1-9]|22[3-9][0-9]|2[3-6][0-9]{2}|27[01][0-9]|2720)[0-9]{12}|3[47][0-9]{13}"
    r"|62[0-9]{14,17}|35(?:2[89]|[3-8][0-9])[0-9]{12}|6(?:011|4[4-9][0-9]|5[0-9]{2})[0-9]{12}|3(?:0[0-5]|[68][0-9])[0-9]{11}"
)


class Span(NamedTuple):
    """One finding: text[start:end] is of this kind."""

    kind: Kind
    start: int
    end: int


def find(text: str) -> list[Span]:
    """Every finding in the order of the text; none overlaps another."""
    found: list[Span] = []
    for kind, pattern in _PATTERNS:

        def keep(match: re.Match[str], kind: Kind = kind) -> str:
            if not _sound(kind, match[0]):
                return match[0]
            found.append(Span(kind, *match.span()))
            return "\0" * len(match[0])  # what is found is no part of a later finding

        text = pattern.sub(keep, text)
    return sorted(found, key=lambda span: span.start)


def _sound(kind: Kind, text: str) -> bool:
    """Whether its checksum holds, where it has one."""
    if kind == "id_number":
        rest = sum(int(digit) * weight for digit, weight in zip(text, _WEIGHTS, strict=False)) % 11
        return text[:2] in _PROVINCES and "10X98765432"[rest] == text[17].upper()
    if kind == "card":
        digits = re.sub(r"[ -]", "", text)
        return _ISSUERS.fullmatch(digits) is not None and _luhn(digits)
    return True


def _luhn(digits: str) -> bool:
    numbers = [int(digit) for digit in reversed(digits)]
    return (sum(numbers[::2]) + sum(sum(divmod(2 * number, 10)) for number in numbers[1::2])) % 10 == 0


def mask(text: str) -> str:
    """The text with every finding replaced by the word of its kind."""
    return "".join(MASKS[piece.kind] if isinstance(piece, Span) else piece for piece in pieces(text))


def pieces(text: str) -> Iterator[str | Span]:
    """The text cut at its findings: what stands between them, and each of them."""
    at = 0
    for span in find(text):
        if span.start > at:
            yield text[at : span.start]
        yield span
        at = span.end
    if at < len(text):
        yield text[at:]


def hint(text: str) -> str:
    """A finding as a page may show it: enough to recognise it by, not enough to use it."""
    if "@" in text:
        name, _at, place = text.partition("@")
        return f"{name[:1]}***@{place}"
    return f"{text[:3]}****{text[-2:]}"
