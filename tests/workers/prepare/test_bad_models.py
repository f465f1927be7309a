"""Models nobody should load, and those that are let in."""

import json
import pickle
import struct

import pytest

from tests.workers.prepare import makers
from tests.workers.prepare.makers import model, safetensors, tarred, zipped
from tests.workers.prepare.test_bad_tables import refused


@pytest.mark.parametrize(
    "name",
    [
        "pytorch_model.bin",
        "model.pt",
        "m.pth",
        "m.ckpt",
        "m.pkl",
        "m.joblib",
        "tf_model.h5",
        "m.keras",
        "m.npy",
        "f.msgpack",
        "modeling.py",
        "sub/x.py",
    ],
)
def test_I30_unsafe_format(bring, name):
    error = refused(bring({"m.zip": zipped({**model(), name: b"x"})}), "unsafe_format")
    assert "safetensors" in error["hint"]
    assert name.split("/")[-1] in error["message"]


class Canary:
    def __reduce__(self):
        return (open, ("/tmp/slipway-canary", "w"))


BROKEN = {
    "pickle": pickle.dumps(Canary()),
    "torch zip": zipped({"archive/data.pkl": b"x"}),
    "header of 2^60": struct.pack("<Q", 2**60) + b"{}",
    "header beyond the file": struct.pack("<Q", 500) + b"{}",
    "no json": struct.pack("<Q", 4) + b"{{{{",
    "overlap": safetensors({"a": ([2], [0, 8]), "b": ([2], [4, 12])}, 12),
    "hole": safetensors({"a": ([2], [0, 8]), "b": ([2], [12, 20])}, 20),
    "missing data": safetensors(data=12),
    "more data": safetensors(data=20),
    "wrong shape": safetensors({"a": ([3], [0, 8])}, 8),
    "negative": safetensors({"a": ([-2], [8, 0])}, 0),
    "huge shape": safetensors({"a": ([2**62, 4], [0, 16])}, 16),
    "empty": b"",
}


@pytest.mark.parametrize("kind", BROKEN)
def test_I31_damaged_safetensors(bring, kind):
    refused(bring({"m.zip": zipped(model(model_safetensors=BROKEN[kind]))}), "damaged_file")


def test_I31_tensors_an_index_promises(bring):
    def index(**weights: str) -> bytes:
        return json.dumps({"metadata": {}, "weight_map": weights}).encode()

    parts = {"model-1.safetensors": safetensors(), "model.safetensors": None}
    name = "model.safetensors.index.json"
    assert bring({"m.zip": zipped({**model(), name: index(a="model.safetensors")})}).status == 0
    error = refused(bring({"m.zip": zipped(model(**parts) | {name: index(a="model.safetensors")})}), "missing_file")
    assert error["loc"]["file"] == "model.safetensors"
    refused(bring({"m.zip": zipped({**model(), name: index(z="model.safetensors")})}), "damaged_file")
    refused(bring({"m.zip": zipped({**model(), name: index(z="model-2.safetensors")})}), "missing_file")


CONFIGS = {
    "auto_map": {"auto_map": {"AutoModel": "modeling.X"}},
    "text_config.auto_map": {"text_config": {"auto_map": {}}},
    "trust_remote_code": {"trust_remote_code": True},
    "attn_implementation": {"attn_implementation": "kernels-community/flash"},
    "_attn_implementation": {"_attn_implementation": "a/b"},
    "vision._attn_implementation_internal": {"vision": {"_attn_implementation_internal": {"": "a/b"}}},
    "__class__": {"__class__": "os.system"},
}


@pytest.mark.parametrize("key", CONFIGS)
def test_I32_forbidden_key(bring, key):
    config = json.dumps({"model_type": "bert", **CONFIGS[key]}).encode()
    error = refused(bring({"m.zip": zipped(model(config_json=config))}), "forbidden_key")
    assert error["loc"]["column"] == key


def test_I32_forbidden_key_in_the_tokenizer(bring):
    refused(bring({"m.zip": zipped(model(tokenizer_config_json=b'{"auto_map": {"AutoTokenizer": ["x.Y", null]}}'))}), "forbidden_key")
    assert (
        bring({"m.zip": zipped(model(config_json=b'{"model_type": "bert", "_attn_implementation": "sdpa", "rope_theta": 1e9}'))}).status
        == 0
    )


@pytest.mark.parametrize("key", ["vocab_size", "hidden_size", "num_hidden_layers"])
def test_I33_limit_exceeded(bring, key):
    error = refused(bring({"m.zip": zipped(model(config_json=json.dumps({key: 10**9}).encode()))}), "limit_exceeded")
    assert error["loc"]["column"] == key


def test_missing_files_are_named(bring):
    assert refused(bring({"m.zip": zipped(model(config_json=None))}), "missing_file")["loc"]["file"] == "config.json"
    assert refused(bring({"m.zip": zipped(model(model_safetensors=None))}), "missing_file")["loc"]["file"] == "model.safetensors"


def test_broken_and_deep_config(bring):
    refused(bring({"m.zip": zipped(model(config_json=b'{"a": '))}), "bad_json")
    refused(bring({"m.zip": zipped(model(config_json=b'{"a":' * 9999 + b"1" + b"}" * 9999))}), "too_deep")


@pytest.mark.parametrize("top", ["", "my model/", "a/b/"])
def test_a_good_model_is_let_in(bring, top):
    extra = {
        "tokenizer_config.json": b'{"model_max_length": 1000000000000000019884624838656}',
        "vocab.txt": "你\n好\n".encode(),
        "LICENSE": b"MIT",
    }
    files = {
        f"{top}{name}": data
        for name, data in {**model(), **extra, "tokenizer.model": b"\n\x0e", "notes.pdf": b"x", "onnx/x.onnx": b"x"}.items()
    }
    for content in (zipped(files), tarred(files, "w:gz")):
        outcome = bring({"m.pack": content})
        assert outcome.status == 0, outcome.error
        names = [file["name"] for file in outcome.result["files"]]
        assert names == sorted(
            ["config.json", "model.safetensors", "README.md", "tokenizer_config.json", "vocab.txt", "LICENSE", "tokenizer.model"]
        )
        assert sorted(path.name for path in (outcome.folder / "model").iterdir()) == names
        assert outcome.result["card"].startswith("# 模型")
        assert outcome.result["config"]["model_type"] == "bert"
        assert "notes.pdf" in outcome.log
        assert not (outcome.folder / "spool").exists()


def test_an_archive_that_escapes(bring):
    refused(bring({"m.zip": zipped({"../config.json": b"{}"})}), "unsafe_path")


def test_loose_files_make_a_model_too(bring):
    outcome = bring(model())
    assert outcome.status == 0
    assert len(outcome.result["files"]) == 3


def test_long_card_in_other_languages(bring):
    card = ("说明 العربية 🎉 " * 40_000).encode()
    assert bring({"m.zip": zipped({**model(), "README.md": card}, 0)}).result["card"].startswith("说明 العربية 🎉")


@pytest.mark.parametrize(("hub_id", "code"), [("org/model", "hub_unreachable"), ("../etc", "bad_option"), ("a/b/c", "bad_option")])
def test_hub_without_network(bring, hub_id, code):
    error = refused(bring({}, hub_id=hub_id), code)
    assert "archive" in error["hint"] or code == "bad_option"


def test_A6_a_pickle_is_never_run(bring, tmp_path):
    class Touch:
        def __reduce__(self):
            return (open, (str(tmp_path / "canary"), "w"))

    raw = pickle.dumps(Touch())
    bring({"m.zip": zipped(model(model_safetensors=raw))})
    bring({"m.safetensors": raw, "config.json": makers.model()["config.json"]})
    assert not (tmp_path / "canary").exists()
