"""Tokenizers learned from a training split, for models from scratch in any language.

Pieces (classification): lower-cased byte pair encoding over characters; Chinese gets its characters and frequent pairs and words, languages
with spaces get words and parts of words. Characters and bytes (generation) lose nothing: what is unknown is spelt in bytes.
"""

import json
from collections import Counter
from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray
from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import PreTrainedTokenizerBase, PreTrainedTokenizerFast

from workers.lib.text import Rows

ALPHABET_MAX = 8000
PIECE_MAX = 16  # characters of one piece
CLASSIFYING = {"pad_token": "[PAD]", "unk_token": "[UNK]", "cls_token": "[CLS]", "sep_token": "[SEP]", "mask_token": "[MASK]"}
GENERATING = {"pad_token": "<pad>", "bos_token": "<s>", "eos_token": "</s>"}
LEARN_FROM = 50_000_000  # characters: a vocabulary hardly changes beyond that


def sampled(texts: Iterable[str]) -> Iterator[str]:
    """The first texts, up to `LEARN_FROM` characters."""
    seen = 0
    for text in texts:
        yield text
        seen += len(text)
        if seen >= LEARN_FROM:
            return


def pieces(texts: Iterable[str], size: int, max_length: int) -> PreTrainedTokenizerFast:
    """A tokenizer for classification, `[CLS] a [SEP]` or `[CLS] a [SEP] b [SEP]`, of at most `size` entries."""
    tokenizer = Tokenizer(models.BPE(unk_token=CLASSIFYING["unk_token"]))
    clean = [normalizers.NFKC(), normalizers.Lowercase(), normalizers.Replace(Regex(r"\s+"), " "), normalizers.Strip()]
    tokenizer.normalizer = normalizers.Sequence(clean)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Metaspace(), pre_tokenizers.Punctuation()])
    tokenizer.decoder = decoders.Metaspace()
    trainer = trainers.BpeTrainer(
        vocab_size=size,
        special_tokens=list(CLASSIFYING.values()),
        min_frequency=2,
        limit_alphabet=min(ALPHABET_MAX, size // 2),
        max_token_length=PIECE_MAX,
        show_progress=False,
    )
    tokenizer.train_from_iterator(sampled(texts), trainer)
    ends = [(name, tokenizer.token_to_id(name)) for name in ("[CLS]", "[SEP]")]
    tokenizer.post_processor = processors.TemplateProcessing(single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B [SEP]", special_tokens=ends)
    return PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=tokenizer, model_max_length=max_length, model_input_names=["input_ids", "attention_mask"], **CLASSIFYING
    )


def halves(tokenizer: PreTrainedTokenizerBase) -> NDArray[np.int32]:
    """(vocabulary, 2): the two pieces each piece was merged from, -1 where it was not merged."""
    model = json.loads(tokenizer.backend_tokenizer.to_str())["model"]
    vocabulary: dict[str, int] = model["vocab"]
    found = np.full((len(tokenizer), 2), -1, np.int32)
    for left, right in model["merges"]:
        found[vocabulary[left + right]] = vocabulary[left], vocabulary[right]
    return found


def broken(rows: Rows, parts: NDArray[np.int32], share: float, random: np.random.Generator) -> Rows:
    """`rows` with a random `share` of pieces broken into their halves (twice over): the model must not rely on one spelling.

    The idea is BPE-dropout (Provilkov et al., 2020), drawn from our own seed and without encoding anew.
    """
    for _ in range(2):
        breaks = (random.random(len(rows.tokens), np.float32) < share) & (parts[rows.tokens, 0] >= 0)
        counts = 1 + breaks.astype(np.int64)
        places = counts.cumsum()
        tokens = np.repeat(rows.tokens, counts)
        tokens[places[breaks] - 2], tokens[places[breaks] - 1] = parts[rows.tokens[breaks]].T
        rows = Rows(tokens, np.concatenate([[0], places])[rows.starts])
    return rows


def masked(rows: Rows, share: float, mask: int, spared: NDArray[np.bool_], random: np.random.Generator) -> Rows:
    """`rows` with a random `share` of tokens replaced by `mask`: no single word may decide. spared: (vocabulary,) tokens left alone."""
    hidden = (random.random(len(rows.tokens), np.float32) < share) & ~spared[rows.tokens]
    return Rows(np.where(hidden, np.int32(mask), rows.tokens), rows.starts)


def special(tokenizer: PreTrainedTokenizerBase) -> NDArray[np.bool_]:
    """(vocabulary,): which tokens stand for no text."""
    found = np.zeros(len(tokenizer), np.bool_)
    found[tokenizer.all_special_ids] = True
    return found


def is_ideographic(texts: Iterable[str]) -> bool:
    """Whether most letters of the first texts are ideographs, kana or hangul: one character is then a good unit."""
    sample = "".join(text for text, _ in zip(texts, range(1000), strict=False))
    letters = sum(character.isalpha() for character in sample)
    return letters > 0 and sum("\u2e80" <= character <= "\uffdc" for character in sample) * 2 > letters


def characters(texts: Iterable[str], size: int) -> PreTrainedTokenizerFast:
    """One token per character for the most frequent `size` characters; the rest are spelt in bytes (<0x00> … <0xFF>)."""
    counts: Counter[str] = Counter()
    for text in sampled(texts):
        counts.update(text)
    entries = [*GENERATING.values(), *(f"<0x{byte:02X}>" for byte in range(256))]
    entries += [character for character, count in counts.most_common(max(0, size - len(entries))) if count > 1]
    tokenizer = Tokenizer(models.BPE({entry: number for number, entry in enumerate(entries)}, [], byte_fallback=True))
    tokenizer.decoder = decoders.Sequence([decoders.ByteFallback(), decoders.Fuse()])
    return _generative(tokenizer)


def byte_pieces(texts: Iterable[str], size: int) -> PreTrainedTokenizerFast:
    """Byte-level byte pair encoding, as GPT-2 has it."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=size,
        special_tokens=list(GENERATING.values()),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        min_frequency=2,
        show_progress=False,
    )
    tokenizer.train_from_iterator(sampled(texts), trainer)
    return _generative(tokenizer)


def _generative(tokenizer: Tokenizer) -> PreTrainedTokenizerFast:
    begin = GENERATING["bos_token"]
    ends = [(begin, tokenizer.token_to_id(begin))]
    tokenizer.post_processor = processors.TemplateProcessing(single=f"{begin} $A", pair=f"{begin} $A $B", special_tokens=ends)
    return PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=tokenizer,
        **GENERATING,
        model_input_names=["input_ids", "attention_mask"],
        clean_up_tokenization_spaces=False,
    )
