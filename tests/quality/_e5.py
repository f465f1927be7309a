"""multilingual-e5-small out of its 4-bit file, as a Hugging Face folder in an archive: a base model somebody brings.

The file (little-endian): "E5S1", u32 version, i32 hidden, layers, heads, inner, vocabulary, positions, types, f32 eps, i32 block; the
tokenizer's tables, which are skipped; i32 count of tensors, each u16 name length, name, u8 kind, u32 values, u64 offset, u64 bytes.
Weights are float32, or blocks of 18 bytes for 32 values: a float16 scale, then 16 bytes whose low nibbles come first; (nibble - 8) x scale.
"""

import json
import struct
import tempfile
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import save_file
from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

from tests.quality import _sets

PARTS = {
    "q": "attention.self.query",
    "k": "attention.self.key",
    "v": "attention.self.value",
    "ao": "attention.output.dense",
    "aln": "attention.output.LayerNorm",
    "fi": "intermediate.dense",
    "fo": "output.dense",
    "oln": "output.LayerNorm",
}
EMBEDDINGS = {
    "emb.word": "embeddings.word_embeddings.weight",
    "emb.pos": "embeddings.position_embeddings.weight",
    "emb.type": "embeddings.token_type_embeddings.weight",
    "emb.ln.w": "embeddings.LayerNorm.weight",
    "emb.ln.b": "embeddings.LayerNorm.bias",
}


class Reader:
    """Fields of a binary file, one after the other."""

    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0

    def take(self, form: str) -> Any:
        found = struct.unpack_from("<" + form, self.data, self.at)
        self.at += struct.calcsize("<" + form)
        return found[0] if len(found) == 1 else found

    def skip(self, size: int) -> None:
        self.at += size


def hugging_face_name(name: str) -> str:
    """`l3.ao.w` -> `encoder.layer.3.attention.output.dense.weight`."""
    for ours, theirs in EMBEDDINGS.items():
        if name in (ours, f"{ours}.w"):
            return theirs
    layer, part, kind = name.split(".")
    return f"encoder.layer.{layer[1:]}.{PARTS[part]}.{'weight' if kind == 'w' else 'bias'}"


def values(data: bytes, offset: int, size: int, count: int) -> NDArray[np.float32]:
    """(count,) weights of one tensor."""
    if size == 4 * count:
        return np.frombuffer(data, np.float32, count, offset)
    blocks = np.frombuffer(data, np.uint8, size, offset).reshape(-1, 18)
    scale = blocks[:, :2].copy().view(np.float16).astype(np.float32)
    nibbles = np.concatenate([blocks[:, 2:] & 15, blocks[:, 2:] >> 4], axis=1).astype(np.float32)
    return ((nibbles - 8) * scale).reshape(-1)[:count]


def read(path: Path) -> tuple[BertConfig, dict[str, NDArray[np.float32]]]:
    """The configuration, and each tensor flat under its Hugging Face name."""
    file = Reader(path.read_bytes())
    if file.data[:4] != b"E5S1":
        raise ValueError(f"{path} is not the expected file")
    file.skip(8)
    hidden, layers, heads, inner, vocabulary, positions, types = file.take("7i")
    eps, _ = file.take("fi")
    pieces, _, _, pad, _ = file.take("5i")
    characters = file.take("Q")
    file.skip(4 * (pieces + 1) + 4 * pieces + characters)
    _, table = file.take("iI")
    file.skip(table)
    entries = []
    for _ in range(file.take("i")):
        name = file.data[file.at + 2 : file.at + 2 + struct.unpack_from("<H", file.data, file.at)[0]].decode()
        file.skip(2 + len(name.encode()))
        entries.append((name, *file.take("BIQQ")))
    found = {hugging_face_name(name): values(file.data, offset, size, count) for name, _, count, offset, size in entries}
    config = BertConfig(
        vocab_size=vocabulary,
        hidden_size=hidden,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        intermediate_size=inner,
        max_position_embeddings=positions,
        type_vocab_size=types,
        layer_norm_eps=eps,
        pad_token_id=pad,
    )
    return config, found


def folder(target: Path) -> None:
    """Write the model in Hugging Face layout, in half precision: four bits do not fill more."""
    weights, tokenizer = _sets.e5_files()
    config, found = read(weights)
    model = BertModel(config, add_pooling_layer=False)
    shapes = {name: weight.shape for name, weight in model.state_dict().items()}
    tensors = {name: torch.from_numpy(flat.copy()).reshape(shapes[name]).half().contiguous() for name, flat in found.items()}
    model.load_state_dict({name: tensor.float() for name, tensor in tensors.items()})
    save_file(tensors, str(target / "model.safetensors"), {"format": "pt"})
    config.architectures, config.dtype = ["BertModel"], "float16"
    config.save_pretrained(target)
    special = {"cls_token": "<s>", "sep_token": "</s>", "pad_token": "<pad>", "unk_token": "<unk>", "mask_token": "<mask>"}
    names = ["input_ids", "attention_mask"]
    PreTrainedTokenizerFast(tokenizer_file=str(tokenizer), model_max_length=512, model_input_names=names, **special).save_pretrained(target)
    prompts = {"prompts": {"query": "query: ", "passage": "passage: "}, "default_prompt_name": None}
    (target / "config_sentence_transformers.json").write_text(json.dumps(prompts))


def archive() -> Path:
    """The folder as a ZIP under `.data/`, made once."""
    target = _sets.DATA / "multilingual-e5-small.zip"
    if not target.is_file():
        with tempfile.TemporaryDirectory(dir=_sets.DATA) as name:
            folder(Path(name))
            with zipfile.ZipFile(target.with_suffix(".part"), "w", zipfile.ZIP_STORED) as file:
                for path in sorted(Path(name).iterdir()):
                    file.write(path, f"multilingual-e5-small/{path.name}")
        target.with_suffix(".part").rename(target)
    return target
