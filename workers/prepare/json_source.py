"""JSON Lines and JSON documents, cut into rows or columns as they stream by.

A document is an array of objects, an object of columns (`{"text": […], "label": […]}`, also pandas' `{"text": {"0": …}}`), or an object of
tables (`{"train": [{…}], "test": [{…}]}`, `{"data": [{…}]}`). It is never held whole: elements are cut out by a tokenizer that knows
strings, brackets and commas, and each is decoded by itself. Not covered: single values beside the tables are skipped unread.
"""

import re
from collections.abc import Iterator
from typing import Any, NamedTuple, NoReturn

from workers.contract.names import JSON_DEPTH_MAX, JSON_ROW_MAX, LINE_MAX, MiB
from workers.prepare.encoding import Text
from workers.prepare.json_values import decode
from workers.prepare.problems import excerpt, refuse

BLOCK = 1 * MiB
_TOKEN = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"|["\[\]{},]', re.DOTALL)
_QUOTE, _COMMA, _ARRAY, _OBJECT = b'",[{'
_CLOSES = {ord("]"): _ARRAY, ord("}"): _OBJECT}
_SHAPES = "write an array of objects, an object of columns, or one object a line"


class Element(NamedTuple):
    """One value of a document. table: the key it stands under, None in a plain array; line: where it begins."""

    table: str | None
    value: Any
    size: int
    line: int


def lines(text: Text) -> Iterator[Element]:
    """The rows of a JSON Lines file; empty lines are skipped."""
    with text.open() as file:
        for number, raw in enumerate(iter(lambda: file.readline(LINE_MAX + 2), b""), 1):
            if raw.isspace():
                continue
            if len(raw) > LINE_MAX + 1:
                message = f"line {number} of {text.name} is longer than {LINE_MAX} bytes: {excerpt(raw)}"
                refuse("line_too_long", message, "a row may have 1 MiB", file=text.name, row=number)
            row = decode(raw, text.name, number)
            if type(row) is not dict:
                message = f"line {number} of {text.name} is not an object: {excerpt(raw)}"
                refuse("bad_json", message, 'write one object a line, such as {"text": "…"}', file=text.name, row=number)
            yield Element(None, row, len(raw), number)


class Cutter:
    """Walks over the tokens of a document and cuts out what stands in its outer arrays or objects."""

    def __init__(self, text: Text) -> None:
        self._text = text
        self._buffer = b""
        self._at = 0  # up to here the buffer has been tokenized
        self._start = 0  # where the element begins
        self._line, self._counted = 1, 0  # line feeds have been counted up to here in the buffer
        self._stack = bytearray()  # open brackets
        self._table: str | None = None
        self._key_next = False  # the next string is a key of the outer object
        self._comma = False  # a comma stands before: an element must follow
        self._done = False

    def elements(self) -> Iterator[Element]:
        """Every element in order. Raises UserError at the first that is no JSON."""
        with self._text.open() as file:
            while block := file.read(BLOCK):
                self._forget()
                self._buffer += block
                yield from self._scan()
        if not self._done:
            self._broken("it ends too early", len(self._buffer))
        if self._buffer[self._at :].strip():
            self._broken("something follows its end", self._at)

    def _forget(self) -> None:
        """Drop what has been used up; a value that never ends is refused."""
        keep = min(self._start, self._at) if len(self._stack) >= self._level else self._at
        self._line_at(keep)
        self._buffer, self._at, self._start = self._buffer[keep:], self._at - keep, self._start - keep
        self._counted -= keep
        if len(self._buffer) > JSON_ROW_MAX:
            message = f"a value from line {self._line} of {self._text.name} on is longer than {JSON_ROW_MAX} bytes"
            refuse("line_too_long", message, "use smaller rows", file=self._text.name, row=self._line)

    @property
    def _level(self) -> int:
        """How many brackets are open where elements stand."""
        return 2 if self._stack[:1] == b"{" else 1

    def _scan(self) -> Iterator[Element]:
        for match in _TOKEN.finditer(self._buffer, self._at):
            mark, depth = self._buffer[match.start()], len(self._stack)
            if mark == _QUOTE:
                if match.end() - match.start() == 1:
                    self._at = match.start()  # its end stands in the next block
                    return
                self._string(match[0], depth)
            elif mark == _COMMA:
                if depth and depth == self._level:
                    yield self._cut(match.start())
                    self._start, self._comma = match.end(), True
                elif depth == 1:
                    self._key_next = True
            elif mark in (_ARRAY, _OBJECT):
                self._open(mark, match.start(), match.end())
            else:
                yield from self._close(mark, match.start())
            self._at = match.end()

    def _string(self, raw: bytes, depth: int) -> None:
        if depth == 1 and self._key_next:
            self._table = str(decode(raw, self._text.name, self._line))
            self._key_next = False
        elif depth == 0:
            self._broken("it is a single text", self._at)

    def _open(self, mark: int, start: int, end: int) -> None:
        if self._done or (not self._stack and self._buffer[:start].strip()):
            self._broken(_SHAPES, start)
        self._stack.append(mark)
        if len(self._stack) > JSON_DEPTH_MAX:
            line = self._line_at(start)
            message = f"line {line} of {self._text.name} is nested deeper than {JSON_DEPTH_MAX} levels"
            refuse("too_deep", message, "flatten it, or store the inner part as text", file=self._text.name, row=line)
        if len(self._stack) == 1:
            self._key_next = mark == _OBJECT
        if len(self._stack) == self._level:
            self._start, self._comma = end, False

    def _close(self, mark: int, at: int) -> Iterator[Element]:
        if not self._stack or self._stack[-1] != _CLOSES[mark]:
            self._broken("its brackets do not match", at)
        if len(self._stack) == self._level and (self._comma or self._buffer[self._start : at].strip()):
            yield self._cut(at)
        self._stack.pop()
        self._done = not self._stack

    def _cut(self, end: int) -> Element:
        """The element that ends here. A pair of an inner object gives its value."""
        raw = self._buffer[self._start : end]
        line = self._line_at(self._start + len(raw) - len(raw.lstrip()))
        if self._stack[-1] == _ARRAY:
            value = decode(raw, self._text.name, line)
        else:
            value = next(iter(decode(b"{" + raw + b"}", self._text.name, line).values()), None)
        return Element(self._table, value, len(raw), line)

    def _line_at(self, at: int) -> int:
        """The line of a place in the buffer; counts on from the last place it was asked for."""
        if at > self._counted:
            self._line += self._buffer.count(b"\n", self._counted, at)
            self._counted = at
        return self._line

    def _broken(self, reason: str, at: int) -> NoReturn:
        line = self._line_at(at)
        message = f"line {line} of {self._text.name}: not valid JSON, {reason}"
        refuse("bad_json", message, _SHAPES, file=self._text.name, row=line)
