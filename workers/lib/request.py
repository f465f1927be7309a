"""Reading requests of endpoints: `{"inputs": …, "parameters": {…}}` as Hugging Face's hosted API takes it. No ML library.

Every refusal is a UserError whose `loc` names the row and the field. Codes: bad_json, bad_input, bad_parameter, empty, too_large.
"""

from collections.abc import Sequence
from typing import Any, TypeVar

import orjson
from pydantic import BaseModel, ValidationError

from workers.contract.names import PREDICT_INPUTS_MAX, PREDICT_TEXT_MAX
from workers.contract.recipe import UserError

Options = TypeVar("Options", bound=BaseModel)


def body_of(body: bytes, example: dict[str, Any]) -> dict[str, Any]:
    """The request as an object. Raises UserError `bad_json` with an example of what is expected."""
    try:
        found = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise UserError("bad_json", f"the body is not JSON: {error}", _hint(example)) from error
    if not isinstance(found, dict) or "inputs" not in found:
        raise UserError("bad_input", "the body must be an object with the field inputs", _hint(example), {"field": "inputs"})
    unknown = sorted(set(found) - {"inputs", "parameters", "options", "stream", "model"})
    if unknown:
        raise UserError("bad_input", f"unknown field {unknown[0]}", _hint(example), {"field": unknown[0]})
    return found


def _hint(example: dict[str, Any]) -> str:
    return f"Expected, for example: {orjson.dumps(example).decode()}"


def rows_of(inputs: Any) -> tuple[list[Any], bool]:
    """inputs -> (rows, whether it was one value). Raises UserError `empty`, `too_large`."""
    rows, single = (inputs, False) if isinstance(inputs, list) else ([inputs], True)
    if not rows:
        raise UserError("empty", "inputs is an empty list", "Send at least one input.", {"field": "inputs"})
    if len(rows) > PREDICT_INPUTS_MAX:
        raise UserError(
            "too_large",
            f"{len(rows)} inputs in one request, the limit is {PREDICT_INPUTS_MAX}",
            "Send several requests.",
            {"field": "inputs"},
        )
    return rows, single


def text_of(value: Any, row: int, field: str = "inputs", *, example: dict[str, Any]) -> str:
    """One text, not empty, within the limit."""
    place = {"row": row, "field": field}
    if not isinstance(value, str):
        raise UserError("bad_input", f"row {row}: {field} must be a string, not {kind(value)}", _hint(example), place)
    if not value.strip():
        raise UserError("empty", f"row {row}: {field} is an empty text", "Send a text with at least one visible character.", place)
    if len(value) > PREDICT_TEXT_MAX:
        raise UserError("too_large", f"row {row}: {len(value)} characters, the limit is {PREDICT_TEXT_MAX}", "Send a shorter text.", place)
    return value


def kind(value: Any) -> str:
    """What a JSON value is called by people who write JSON."""
    names = {dict: "an object", list: "a list", str: "a string", bool: "true or false", type(None): "null"}
    return names.get(type(value), "a number")


def options_of(given: Any, model: type[Options]) -> Options:
    """`parameters`, checked by their pydantic model. null counts as absent, as clients send it. Raises UserError `bad_parameter`."""
    if given is None:
        given = {}
    if not isinstance(given, dict):
        raise UserError("bad_parameter", f"parameters must be an object, not {kind(given)}", "", {"field": "parameters"})
    try:
        return model.model_validate({key: value for key, value in given.items() if value is not None})
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(["parameters", *map(str, first["loc"])])
        known = ", ".join(model.model_fields)
        raise UserError("bad_parameter", f"{field}: {first['msg']}", f"Known parameters: {known}", {"field": field}) from error


def by_size(sizes: Sequence[int], budget: int) -> list[list[int]]:
    """Cut rows into batches: sorted by size, each at most `budget` after padding to its largest row, at least one row each."""
    batches: list[list[int]] = []
    for row in sorted(range(len(sizes)), key=sizes.__getitem__):
        if batches and sizes[row] * (len(batches[-1]) + 1) <= budget:
            batches[-1].append(row)
        else:
            batches.append([row])
    return batches
