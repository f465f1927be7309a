"""Batch prediction: every row of one split through the recipe's own `serve.py`, as a request each, into one Parquet file.

Columns of the file: `row` (its place in the split), the columns the model was asked about, its label where there is one, then
`prediction` (the best class, or the text), `score`, `answer` (JSON, as the endpoint would answer) and `error` (why a row could not
be asked about). Bytes of images are left out.
"""

import base64
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.parquet as parquet

from workers.contract.orders import PredictWork
from workers.contract.recipe import Item, Predictor, UserError
from workers.run import FolderRun

ROWS = 64  # asked together
OWN = {"row": "integer", "prediction": "text", "score": "number", "answer": "text", "error": "text"}
KINDS = {"integer": pa.int64(), "number": pa.float64(), "text": pa.string()}


def predict(run: FolderRun, work: PredictWork, predictor: Predictor, folder: Path) -> dict[str, Any]:
    """{rows, unreadable, features} with `predictions.parquet` in `folder`. Ends early when asked to stop."""
    folder.mkdir()
    shown = {role: _name(column) for role, column in work.columns.items() if work.dataset.features.get(column) not in ("image", "audio")}
    features = {"row": "integer", **dict.fromkeys(shown.values(), "text"), **OWN}
    schema = pa.schema([(name, KINDS[kind]) for name, kind in features.items()])
    total, rows, unreadable, told = work.dataset.rows.get(work.split, 0), 0, 0, 0
    with parquet.ParquetWriter(folder / "predictions.parquet", schema, compression="zstd") as writer:
        for batch in run.batches(work.split, ROWS):
            if run.should_stop:
                break
            count = len(next(iter(batch.values())))
            lines = answers(predictor, [{role: values[at] for role, values in batch.items()} for at in range(count)], work.parameters)
            for at, line in enumerate(lines):
                line |= {name: _text(batch[role][at]) for role, name in shown.items()} | {"row": rows + at}
            writer.write_table(pa.Table.from_pylist(lines, schema))
            rows, unreadable = rows + count, unreadable + sum(line["error"] is not None for line in lines)
            run.progress(rows, total)
            if total and rows * 10 // total > told:
                told = rows * 10 // total
                run.log(f"{rows} of {total} rows")
    if unreadable:
        run.log(f"{unreadable} of {rows} rows could not be asked about; the column `error` says why", "warning")
    return {"rows": rows, "unreadable": unreadable, "features": features}


def answers(predictor: Predictor, rows: list[dict[str, Any]], parameters: dict[str, Any]) -> list[dict[str, Any]]:
    """{prediction, score, answer, error} of each row, one with an error without the rest."""
    items: dict[int, Item] = {}
    lines: list[dict[str, Any]] = [{"prediction": None, "score": None, "answer": None, "error": None} for _ in rows]
    for at, row in enumerate(rows):
        try:
            items[at] = predictor.decode(*body(row, parameters))[0][0]
        except UserError as problem:
            lines[at]["error"] = problem.message
    if items:
        results = predictor.predict(list(items.values()))
        for at, result in zip(items, results, strict=True):
            answer = predictor.encode([result], True)
            lines[at] |= {**best(answer), "answer": orjson.dumps(answer).decode()}
    return lines


def body(row: dict[str, Any], parameters: dict[str, Any]) -> tuple[bytes, str]:
    """(bytes, content type) of the request a client would send about a row. A picture travels as it is, unless there are parameters."""
    asked = {role: value for role, value in row.items() if role != "label"}
    inputs: Any = next(iter(asked.values()), None)
    if asked.get("text_pair"):
        inputs = {"text": asked.get("text"), "text_pair": asked["text_pair"]}
    raw = inputs.get("bytes") if isinstance(inputs, dict) and "bytes" in inputs else None
    if raw is not None and not parameters:
        return raw, "image/*"
    if raw is not None:
        inputs = base64.b64encode(raw).decode()
    return orjson.dumps({"inputs": inputs, **({"parameters": parameters} if parameters else {})}), "application/json"


def best(answer: Any) -> dict[str, Any]:
    """{prediction, score}: the first class or the text of an answer in Hugging Face's shape."""
    while isinstance(answer, list) and answer:
        answer = answer[0]
    if not isinstance(answer, dict):
        return {"prediction": None, "score": None}
    said = next((answer[key] for key in ("label", "generated_text", "text") if key in answer), None)
    return {"prediction": None if said is None else str(said), "score": answer.get("score")}


def _name(column: str) -> str:
    """A dataset column beside the file's own."""
    return f"input.{column}" if column in OWN else column


def _text(value: Any) -> str | None:
    return None if value is None else str(value)
