"""A split's texts as one long row of tokens on disk: `<s> text </s> <s> text </s> …`, cut into blocks for training."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import PreTrainedTokenizerBase

from workers.contract.recipe import Run, UserError
from workers.lib import vocabulary

IGNORED = -100  # targets that do not count


class Tokens(NamedTuple):
    """ids: (n,) int32, memory-mapped · characters: of the texts, separators left out · texts: how many."""

    ids: NDArray[np.int32]
    characters: int
    texts: int


def texts(run: Run, split: str) -> Iterator[str]:
    """The split's texts that are not empty."""
    for batch in run.batches(split):
        yield from (str(value) for value in batch["text"] if value)


def new_tokenizer(run: Run, kind: str, size: int) -> PreTrainedTokenizerBase:
    """kind: auto | characters | bpe, see the spec."""
    if kind == "auto":
        kind = "characters" if vocabulary.is_ideographic(texts(run, "train")) else "bpe"
    make = vocabulary.characters if kind == "characters" else vocabulary.byte_pieces
    tokenizer = make(texts(run, "train"), size)
    run.log(f"tokenizer: {kind}, {len(tokenizer)} tokens")
    return tokenizer


def pack(run: Run, split: str, tokenizer: PreTrainedTokenizerBase, folder: Path) -> Tokens:
    """Write the split's tokens to `folder` and map them. Memory does not grow with the split. Raises UserError `no_rows`."""
    path, characters, count = folder / f"{split}.int32", 0, 0
    with open(path, "wb") as file:
        for batch in run.batches(split, 1024):
            found = [str(value) for value in batch["text"] if value]
            if not found:
                continue
            for ids in tokenizer(found, add_special_tokens=False, return_attention_mask=False, verbose=False)["input_ids"]:
                np.asarray([tokenizer.bos_token_id, *ids, tokenizer.eos_token_id], np.int32).tofile(file)
            characters, count = characters + sum(map(len, found)), count + len(found)
    if not count:
        hint = "Check that the role text points at the right column."
        raise UserError("no_rows", f"the split {split} has no text", hint, {"split": split})
    return Tokens(np.memmap(path, np.int32, "r"), characters, count)


def starts(length: int, block: int, seed: int, epoch: int) -> NDArray[np.int64]:
    """Where the epoch's blocks begin, shuffled; the first offset changes with the epoch, so that cuts fall elsewhere."""
    random = np.random.default_rng((seed, epoch))
    count = max(1, (length - 1) // block)
    offset = int(random.integers(0, max(0, length - 1 - count * block) + 1))
    return random.permutation(np.arange(count, dtype=np.int64) * block + offset)


def block_of(tokens: Tokens, begins: NDArray[np.int64], block: int, bos: int) -> tuple[torch.Tensor, torch.Tensor]:
    """(inputs, targets), both (rows, block): targets are one token on; the beginning of a text is given, never predicted."""
    rows = np.full((len(begins), block + 1), bos, np.int64)
    for number, begin in enumerate(begins):
        found = tokens.ids[begin : begin + block + 1]
        rows[number, : len(found)] = found
    targets = rows[:, 1:].copy()
    targets[targets == bos] = IGNORED
    return torch.from_numpy(rows[:, :-1].copy()), torch.from_numpy(targets)
