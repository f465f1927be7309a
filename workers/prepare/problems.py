"""How a reader refuses what it was given: a code, the place, and what to do next."""

from typing import Any, NoReturn

from workers.contract.recipe import UserError

EXCERPT = 80


def refuse(
    code: str, message: str, hint: str = "", *, file: str | None = None, row: int | None = None, column: str | int | None = None
) -> NoReturn:
    """Raise a UserError. file: the user's name of it; row: line or row from 1; column: its name, or its number from 1."""
    place: dict[str, Any] = {"file": file, "row": row, "column": column}
    raise UserError(code, message, hint, {key: value for key, value in place.items() if value is not None})


def excerpt(text: str | bytes) -> str:
    """The start of a text as it may stand in a message: one line, control characters made visible."""
    if isinstance(text, bytes):
        text = text[: EXCERPT * 4].decode("utf-8", "replace")
    short = text[:EXCERPT]
    shown = "".join(char if char.isprintable() else repr(char)[1:-1] for char in short)
    return f"“{shown}{'…' if len(text) > EXCERPT else ''}”"
