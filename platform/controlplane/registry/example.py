"""What a version is asked as an example: a row of the data it learnt from, read once when the version is made, else its recipe's."""

import logging
from typing import Any

from controlplane import catalog
from controlplane.data import preview
from controlplane.data import services as data
from controlplane.data.fixes import places
from controlplane.data.models import DatasetVersion
from workers.contract import personal

log = logging.getLogger(__name__)
ROLES = ("text", "text_pair")
HELD_OUT = ("test", "validation", "train")  # the first of them that has rows
LOOKED_AT = 12  # rows
LENGTH = 200  # characters
PROMPT = 24  # of a text that is to be gone on with


def own_example(workspace: Any, dataset: str, columns: dict[str, str], task: str) -> dict[str, str]:
    """{role: text} of a short held-out row without personal data; empty when there is none to be had. It is a courtesy: nothing fails."""
    try:
        version = data.find_version(workspace, dataset)
        length = PROMPT if task == "text-generation" else LENGTH
        wanted = {role: columns[role] for role in ROLES if version.features.get(columns.get(role, "")) in ("text", "category")}
        return _row(version, wanted, length) if "text" in wanted else {}
    except Exception as error:
        log.info("no example was taken from %s: %s", dataset, error)
        return {}


def _row(version: DatasetVersion, columns: dict[str, str], length: int) -> dict[str, str]:
    """The first row that fits whole, else the first one, cut."""
    split = next((name for name in HELD_OUT if version.splits.get(name) and version.shards.get(name)), "")
    if not split:
        return {}
    found = {row for name, row in places(version, "personal") if name == split}
    rows = [row for row in range(min(LOOKED_AT, version.splits[split])) if row not in found]
    read = [preview.texts(version, split=split, rows=rows, column=column, length=LENGTH + 1) for column in columns.values()]
    texts = [row for row in zip(*read, strict=True) if all(map(str.strip, row)) and not any(map(personal.find, row))]
    chosen = next((row for row in texts if max(map(len, row)) <= LENGTH), texts[0] if texts else None)
    return {role: _cut(text, length) for role, text in zip(columns, chosen, strict=True)} if chosen else {}


def _cut(text: str, length: int) -> str:
    """At most so many characters, words kept whole where there are spaces."""
    text = " ".join(text.split())
    if len(text) <= length:
        return text
    short = text[:length]
    return short.rpartition(" ")[0] or short


def request_of(recipe: str, lineage: dict[str, Any]) -> dict[str, Any]:
    """The body of an example request to a version of this recipe and lineage; a pair of texts where it learnt from pairs."""
    spec = catalog.recipe(recipe)
    body = dict(spec.example) if spec else {"inputs": "…"}
    own = lineage.get("example") or {}
    text = own.get("text") or body["inputs"]
    pair = "text_pair" in (lineage.get("columns") or {})
    return body | {"inputs": {"text": text, "text_pair": own.get("text_pair") or "…"} if pair else text}
