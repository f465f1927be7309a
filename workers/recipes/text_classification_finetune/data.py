"""From rows of the dataset to rows of tokens and targets, without holding the texts."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from transformers import PreTrainedTokenizerBase

from workers.contract.recipe import Run, UserError
from workers.lib import labels
from workers.lib.text import Rows
from workers.recipes.text_classification_finetune.model import Classifier


class Split(NamedTuple):
    """rows: tokens, already cut · targets: (rows,) int64 class indices · numbers: (rows,) each row's place in the split."""

    rows: Rows
    targets: NDArray[np.int64]
    numbers: NDArray[np.int64]


def texts(run: Run, split: str) -> Iterator[str]:
    """All texts of a split, second texts included, to learn a vocabulary from."""
    for batch in run.batches(split):
        for role in ("text", "text_pair"):
            yield from (str(value) for value in batch.get(role, []) if value)


def encode(tokenizer: PreTrainedTokenizerBase, first: list[str], second: list[str], limit: int) -> list[list[int]]:
    """Token ids with the tokenizer's special tokens, at most `limit` each; of a pair the longer text is cut. second: "" = none."""
    alone = [row for row, text in enumerate(second) if not text]
    paired = [row for row, text in enumerate(second) if text]
    found: list[list[int]] = [[]] * len(first)
    for places, others in ((alone, None), (paired, [second[row] for row in paired])):
        if places:
            ids = tokenizer(
                [first[row] for row in places],
                others,
                truncation=True,
                max_length=limit,
                return_attention_mask=False,
                return_token_type_ids=False,
                verbose=False,
            )["input_ids"]
            for place, row in zip(places, ids, strict=True):
                found[place] = row
    return found


def read(run: Run, split: str, classifier: Classifier) -> Split:
    """The split's tokens and targets. Rows without text or label, or with a label unknown to training, are left out and counted in the log.

    Raises UserError `no_rows` when nothing is left.
    """
    limit, parts, targets, places = classifier.limit, [], [], []
    left_out = cut = total = 0
    for batch in run.batches(split):
        numbers = labels.indices(batch["label"], classifier.labels, run.classes)
        keep = [row for row, value in enumerate(batch["text"]) if value not in (None, "") and numbers[row] >= 0]
        places += [total + row for row in keep]
        total, left_out = total + len(numbers), left_out + len(numbers) - len(keep)
        if keep:
            rows = Rows.of(encode(classifier.tokenizer, *_texts(batch, keep, classifier.prefix), limit))
            cut += int((rows.lengths >= limit).sum())
            parts.append(rows)
            targets += [numbers[row] for row in keep]
    if not targets:
        hint = "Check that the roles text and label point at the right columns."
        raise UserError("no_rows", f"the split {split} has no row with both text and label", hint, {"split": split})
    if left_out:
        run.log(f"{split}: {left_out} of {total} rows have no text or no known label and are left out", "warning")
    if cut:
        run.log(f"{split}: {cut} of {len(targets)} texts reach {limit} tokens; what is beyond is cut")
    return Split(Rows.join(parts), np.asarray(targets, np.int64), np.asarray(places, np.int64))


def _texts(batch: dict[str, list[Any]], keep: list[int], prefix: str) -> tuple[list[str], list[str]]:
    first = [prefix + str(batch["text"][row]) for row in keep]
    others = batch.get("text_pair") or [None] * len(batch["text"])
    return first, [prefix + str(others[row]) if others[row] else "" for row in keep]
