"""Which words decided the worst rows of a report, asked of the classifier itself."""

from typing import Any

import torch

from workers.contract.recipe import Run
from workers.lib import device, explain, text
from workers.recipes.text_classification_finetune import data
from workers.recipes.text_classification_finetune.model import Classifier

BATCH_TOKENS = 8192


def add_words(run: Run, split: str, classifier: Classifier, report: dict[str, Any], precision: str) -> None:
    """Give the report's worst rows their `words`; see `workers/lib/explain.py`. Of a pair the second text stays as it is."""
    pairs = texts_of(run, split, {line["row"] for line in report["worst"]})
    place = torch.device(run.device)
    index = {label: number for number, label in enumerate(classifier.labels)}

    @torch.inference_mode()
    def margins(copies: list[str], line: explain.Line) -> list[float]:
        second = pairs[line["row"]][1]
        rows = text.Rows.of(encoded(classifier, copies, [second] * len(copies)))
        found = [0.0] * len(copies)
        for batch in text.pieces(rows.lengths, BATCH_TOKENS):
            with device.autocast(place, precision):
                logits = classifier.logits(rows, batch).float()
            for at, values in zip(batch, logits.tolist(), strict=True):
                found[int(at)] = values[index[line["predicted"]]] - values[index[line["actual"]]]
        return found

    firsts = {row: pair[0] for row, pair in pairs.items()}
    explain.leave_one_out(report["worst"], firsts, lambda one: len(encoded(classifier, [one], [""])[0]), margins, lambda: run.should_stop)


def encoded(classifier: Classifier, firsts: list[str], seconds: list[str]) -> list[list[int]]:
    prefix = classifier.prefix
    seconds = [prefix + second if second else "" for second in seconds]
    return data.encode(classifier.tokenizer, [prefix + first for first in firsts], seconds, classifier.limit)


def texts_of(run: Run, split: str, rows: set[int]) -> dict[int, tuple[str, str]]:
    """row -> (text, second text or ""), for these rows of a split."""
    found: dict[int, tuple[str, str]] = {}
    first = 0
    for batch in run.batches(split):
        others = batch.get("text_pair") or [None] * len(batch["text"])
        for row in rows & set(range(first, first + len(others))):
            found[row] = (str(batch["text"][row - first]), str(others[row - first] or ""))
        first += len(others)
    return found
