"""A list that stays open: it asks for its rows again, newer ones wait behind a link, and 204 is answered while nothing has changed."""

import hashlib
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest


class Following:
    """What the address of an open list says. given: all of it · plain: without what only polling adds · top: the newest row in view."""

    def __init__(self, request: HttpRequest, digits: int) -> None:
        """digits: how many `top` has at most."""
        self.given: dict[str, str] = {name: request.GET[name] for name in request.GET}
        self.plain = {name: value for name, value in self.given.items() if name not in ("top", "seen")}
        top = self.given.get("top", "")
        self.top = int(top) if top.isdecimal() and len(top) <= digits else None

    def knows(self, mark: str) -> bool:
        """Whether the reader has the rows with this mark."""
        return self.given.get("seen") == mark

    def links(self, here: str, newest: int, mark: str) -> dict[str, str]:
        """{poll, plain}: where the rows are asked for again, and the list with its newest rows."""
        poll = {**self.plain, "top": newest, "seen": mark}
        return {"poll": f"{here}?{urlencode(poll)}", "plain": f"{here}?{urlencode(self.plain)}" if self.plain else here}


def marked(rows: list[Any], extra: Any) -> str:
    """Two pages with the same mark look the same. rows: what is seen of each · extra: what is seen beside them."""
    return hashlib.sha256(repr((rows, extra)).encode()).hexdigest()[:16]
