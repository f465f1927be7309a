"""Which words decided an answer, by leave-one-out: each piece of the text is taken out once and the model asked again.

Texts with spaces fall into words, Chinese and the like into characters; of a long text neighbours are taken together, so that the
work is bounded. What two pieces do only together is not seen. No ML library: the model is a function from texts to margins.
"""

import re
import time
from collections.abc import Callable
from typing import Any

PIECES_MAX = 64  # of one text
TOKENS_MAX = 8192  # of all shortened copies of one text
CHARACTERS_MAX = 1000  # of a text are tried, from its beginning
SECONDS_MAX = 60.0  # for all rows of a report
_WORD = re.compile(
    r"[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]"  # written without spaces: one by one
    r"|[^\W\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]+(?:['\u2019-]\w+)*"
    r"|[^\w\s]+"
)

Span = tuple[int, int]
Line = dict[str, Any]
Margins = Callable[[list[str], Line], list[float]]


def pieces(text: str, most: int) -> list[Span]:
    """(start, end) of at most `most` pieces: words, single ideographs, runs of marks; neighbours together where there are more."""
    found = [match.span() for match in _WORD.finditer(text[:CHARACTERS_MAX])]
    together = -(-len(found) // most) if found else 1
    return [(found[at][0], found[min(at + together, len(found)) - 1][1]) for at in range(0, len(found), together)]


def most_pieces(tokens: int) -> int:
    """How many copies of a text of so many tokens may be asked about."""
    return max(4, min(PIECES_MAX, TOKENS_MAX // max(1, tokens)))


def leave_one_out(
    worst: list[Line], texts: dict[int, str], length: Callable[[str], int], margins: Margins, stopped: Callable[[], bool]
) -> None:
    """Give the rows of `worst` their `words`: [start, end, effect], effect > 0 towards the predicted class, < 0 towards the actual one.

    texts: row -> text · length: tokens of a text · margins: (copies of a row's text, its line) -> for each the predicted class's logit
    less the actual one's. A text of one piece is left out; so are the rows that are left after SECONDS_MAX, or when `stopped`.
    """
    end = time.monotonic() + SECONDS_MAX
    for line in worst:
        text = texts.get(line["row"])
        if text is None or stopped() or time.monotonic() > end:
            continue
        spans = pieces(text, most_pieces(length(text)))
        if len(spans) < 2:
            continue
        copies = [text, *(text[:start] + text[stop:] for start, stop in spans)]
        whole, *without = margins(copies, line)
        line["words"] = [[*span, round(whole - margin, 4)] for span, margin in zip(spans, without, strict=True)]
