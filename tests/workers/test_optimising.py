"""Variants of small models, made by the child from an order in a run folder, and opened again by the recipes' own `serve.load`."""

import json
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

torch = pytest.importorskip("torch")

from safetensors.torch import load_file, save_file  # noqa: E402

from tests.fakes import FakeRun  # noqa: E402
from tests.workers.recipes import test_image_classification as pictures  # noqa: E402
from tests.workers.recipes import test_text_classification as reviews  # noqa: E402
from tests.workers.recipes import test_text_generation as poems  # noqa: E402
from workers import child, optimising, predicting  # noqa: E402
from workers.checkpoints import files_of, size_of  # noqa: E402
from workers.contract.orders import Order  # noqa: E402
from workers.contract.recipe import UserError  # noqa: E402
from workers.folder import HEAVY, RunFolder  # noqa: E402
from workers.lib import int8, variants  # noqa: E402
from workers.recipes.image_classification_finetune import serve as picture_serve  # noqa: E402
from workers.recipes.text_classification_finetune import model as text_model  # noqa: E402
from workers.recipes.text_classification_finetune import serve as text_serve  # noqa: E402
from workers.recipes.text_generation_pretrain import model as poem_model  # noqa: E402
from workers.recipes.text_generation_pretrain import serve as poem_serve  # noqa: E402

pytestmark = pytest.mark.torch
TEXT, POEM, PICTURE = "text-classification/finetune", "text-generation/pretrain", "image-classification/finetune"
WIDE = {"hidden_size": 128, "layers": 2}  # wide enough for int8 to hold its layers
SPEED = {"size_bytes", "p50_ms", "p95_ms", "rows_per_second", "metrics"}


class Trained(NamedTuple):
    """run: what training left · serve: the recipe's module · rows: of the split test, by role · classes: of the label."""

    run: FakeRun
    serve: Any
    rows: list[dict[str, Any]]
    classes: list[str] = []


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Trained]:
    folder = tmp_path_factory.mktemp("trained")
    text = reviews.run_at(folder / "text", classes=["neg", "pos"])
    reviews.train.train(text, reviews.RECIPE(**reviews.SMALL | WIDE))
    poem = poems.run_at(folder / "poem")
    poems.train.train(poem, poems.RECIPE(**poems.SMALL | WIDE, epochs=12))
    picture = pictures.run_at(folder / "picture")
    pictures.train.train(picture, pictures.RECIPE(epochs=2, batch_size=16))
    return {
        TEXT: Trained(text, text_serve, [{"text": row["review"]} for row in reviews.SPLITS["test"]], ["neg", "pos"]),
        POEM: Trained(poem, poem_serve, [{"text": line[:6]} for line in poems.POEMS]),
        PICTURE: Trained(picture, picture_serve, [{"image": row["picture"]} for row in pictures.SPLITS["test"]], ["lying", "upright"]),
    }


@pytest.fixture(autouse=True)
def few_questions(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A handful of rows is asked, and the child's answer to SIGTERM does not stay."""
    monkeypatch.setattr(optimising, "ROWS", 6)
    monkeypatch.setattr(optimising, "WARM_SECONDS", 0.0)
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


def optimised(path: Path, recipe: str, variant: str, made: Trained, **change: Any) -> tuple[int, RunFolder]:
    """The child's exit status and the run folder it leaves. change: of the order's work."""
    folder = RunFolder(path)
    for name in ("", *HEAVY):
        (path / name).mkdir()
    folder.events.touch()
    (folder.inputs / "model").symlink_to(made.run.model_dir, target_is_directory=True)
    label = made.run.columns.get("label", "")
    dataset = {
        "name": "d",
        "version": 1,
        "features": {},
        "classes": {label: made.classes} if label else {},
        "splits": {"test": [{"name": "0", "uri": "", "path": str(made.run.folder / "test.parquet")}]},
        "rows": {"train": 9, "test": made.run.splits["test"]},
    }
    work = {"kind": "optimize", "recipe": recipe, "columns": made.run.columns, "dataset": dataset, "split": "test", "variant": variant}
    order = {"workspace": "w", "job": "1", "attempt": 1, "work": work | {"model": {"name": "clf", "version": 5}} | change}
    folder.order.write_text(Order.model_validate(order).model_dump_json())
    return child.work(folder, confined=False), folder


def problem(folder: RunFolder) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(folder.error.read_text())
    return found


def told(folder: RunFolder, kind: str) -> list[dict[str, Any]]:
    events = [json.loads(line) for line in folder.events.read_text().splitlines()]
    return [event["data"] for event in events if event["type"] == kind]


def weights_of(folder: Path) -> int:
    """Bytes."""
    return sum(path.stat().st_size for path in folder.glob("*.safetensors"))


def first_answers(made: Trained, folder: Path) -> list[Any]:
    """What a replica of this folder says first: the best class, or the beginning of a text."""
    generated = {"max_new_tokens": 5, "do_sample": False} if made.serve is poem_serve else {}
    lines = predicting.answers(made.serve.load(folder, "cpu", 1), made.rows, generated)
    return [line["prediction"] for line in lines]


@pytest.mark.parametrize(("recipe", "variant"), [(TEXT, "int8"), (TEXT, "bf16"), (POEM, "int8"), (POEM, "bf16"), (PICTURE, "bf16")])
def test_a_variant_is_smaller_and_answers_as_its_reference(recipe: str, variant: str, trained: dict[str, Trained], tmp_path: Path) -> None:
    made = trained[recipe]
    status, folder = optimised(tmp_path / "run", recipe, variant, made)
    assert status == 0, folder.error.read_text()
    result = json.loads(folder.result.read_text())
    assert set(result["reference"]) == set(result["variant"]) == SPEED
    assert (result["rows"], result["device"], result["threads"], result["report"]) == (made.run.splits["test"], "cpu", 1, {})
    assert result["metrics"] == result["variant"]["metrics"]
    assert result["variant"]["size_bytes"] == size_of(folder.model)
    assert all(result[name][key] > 0 for name in ("reference", "variant") for key in ("p50_ms", "p95_ms", "rows_per_second"))
    assert weights_of(folder.model) < weights_of(made.run.model_dir) * (0.4 if variant == "int8" else 0.6)
    loss, other = (result[name]["metrics"]["test/loss"] for name in ("reference", "variant"))
    assert other == pytest.approx(loss, rel=0.05, abs=0.02)
    said = first_answers(made, made.run.model_dir), first_answers(made, folder.model)
    assert sum(one == two for one, two in zip(*said, strict=True)) >= 0.97 * len(made.rows)
    assert {path.suffix for path in files_of(folder.model)} <= {".json", ".safetensors", ".md", ".txt", ".jinja"}
    assert not (folder.model / "evaluation.json").exists(), "what was measured of the reference"
    assert [step["step"] for step in told(folder, "progress")][-1] == told(folder, "progress")[-1]["total_steps"]
    log = "\n".join(data["text"] for data in told(folder, "log"))
    assert all(line in log for line in (f"{variant}: ", "reference: p50 ", "variant: p50 ", "reference: loss ", "variant: loss "))


@pytest.mark.parametrize("recipe", [TEXT, POEM])
def test_its_readme_opens_an_int8_variant(
    recipe: str, trained: dict[str, Trained], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = {TEXT: text_model.opened, POEM: poem_model.opened}[recipe]
    source = trained[recipe].run.model_dir
    variants.make(opened(source), "int8", source, tmp_path, "clf v5")
    text = (tmp_path / "README.md").read_text()
    assert text.startswith("# clf v5, int8\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(int8, "adds_exactly", lambda: True)  # what is stored is compared
    found: dict[str, Any] = {}
    exec(text.split("```python\n")[1].split("```")[0], found)  # noqa: S102 (our own words)
    ids = torch.arange(5, 21)[None]
    ours, reference = opened(tmp_path), opened(source)
    with torch.inference_mode():
        rounded = ours(ids).logits
        int8.restore(ours)
        back = ours(ids).logits
        assert torch.equal(found["model"](ids).logits, back)
        assert not torch.equal(rounded, back), "int8 layers answer, not restored ones"
        assert torch.allclose(back, reference(ids).logits, atol=0.3)


def test_from_pretrained_opens_bf16_and_not_int8(trained: dict[str, Trained], tmp_path: Path) -> None:
    from transformers import AutoModelForSequenceClassification

    source = trained[TEXT].run.model_dir
    for variant in ("int8", "bf16"):
        (tmp_path / variant).mkdir()
        variants.make(text_model.opened(source), variant, source, tmp_path / variant, "clf v5")
    assert AutoModelForSequenceClassification.from_pretrained(tmp_path / "bf16").dtype == torch.bfloat16
    with pytest.raises(OSError, match=r"model\.safetensors"):
        AutoModelForSequenceClassification.from_pretrained(tmp_path / "int8")


def test_it_is_made_the_same_twice(trained: dict[str, Trained], tmp_path: Path) -> None:
    source = trained[POEM].run.model_dir
    made = []
    for name in ("a", "b"):
        variants.make(poem_model.opened(source), "int8", source, tmp_path / name, "poet v1")
        made.append({path.name: path.read_bytes() for path in files_of(tmp_path / name)})
    assert made[0] == made[1]
    with pytest.raises(UserError, match="a variant already"):
        variants.make(poem_model.opened(source), "bf16", tmp_path / "a", tmp_path / "c", "poet v1")


def test_what_a_token_is_answered_does_not_depend_on_the_others() -> None:
    torch.manual_seed(0)
    layer = int8.Int8Linear(*int8.rounded(torch.randn(256, 128)), bias=None)
    token = torch.randn(1, 128)
    beside = torch.cat([token, 1000 * torch.randn(7, 128)])
    assert torch.equal(layer(token)[0], layer(beside)[0])


def test_whole_numbers_are_added_exactly_on_this_processor() -> None:
    """The largest that layers may meet, by the processor's own kernels or, where those overflow, with a bit less."""
    layer = int8.Int8Linear(torch.full((64, 512), int8.MOST, dtype=torch.int8), torch.ones(64), bias=None)
    if not int8.adds_exactly():
        int8.halve(layer)
    for value in (int8.MOST, -int8.MOST):
        rows = torch.full((33, 512), value, dtype=torch.int8)
        assert torch.equal(torch._int_mm(rows, layer.weight.t()), torch.full((33, 64), 512 * value * int(layer.weight[0, 0])).int())


def test_a_processor_that_overflows_answers_with_a_bit_less(
    trained: dict[str, Trained], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(int8, "adds_exactly", lambda: False)
    for recipe, opened in ((TEXT, text_model.opened), (POEM, poem_model.opened)):
        made, folder = trained[recipe], tmp_path / recipe.split("/")[1]
        variants.make(opened(made.run.model_dir), "int8", made.run.model_dir, folder, "clf v5")
        layers = [layer for layer in opened(folder).modules() if isinstance(layer, int8.Int8Linear)]
        assert layers
        assert max(int(layer.weight.abs().max()) for layer in layers) == 64
        said = first_answers(made, made.run.model_dir), first_answers(made, folder)
        assert sum(one == two for one, two in zip(*said, strict=True)) >= 0.97 * len(made.rows)


def lacking(tensors: dict[str, Any], name: str) -> None:
    del tensors[name]


def shorter(tensors: dict[str, Any], name: str) -> None:
    tensors[name] = tensors[name][:-1].contiguous()


def floating(tensors: dict[str, Any], name: str) -> None:
    tensors[name] = tensors[name].to(torch.float16)


def doubled(tensors: dict[str, Any], name: str) -> None:
    tensors["other"] = tensors[name].clone()


@pytest.mark.parametrize(
    ("damage", "name", "message"),
    [
        (lacking, "scale", "lacks "),
        (shorter, "scale", "instead of"),
        (floating, "weight", "float16"),
        (doubled, "weight", "should not have"),
    ],
)
def test_a_damaged_variant_is_named(damage: Any, name: str, message: str, trained: dict[str, Trained], tmp_path: Path) -> None:
    source = trained[TEXT].run.model_dir
    variants.make(text_model.opened(source), "int8", source, tmp_path, "clf v5")
    tensors = load_file(tmp_path / int8.FILE)
    damage(tensors, next(key.removesuffix("scale") for key in sorted(tensors) if key.endswith(".scale")) + name)
    save_file(tensors, tmp_path / int8.FILE)
    with pytest.raises(UserError, match=message) as caught:
        text_serve.load(tmp_path, "cpu", 1)
    assert (caught.value.code, caught.value.hint) == ("damaged_variant", int8.HINT)


@pytest.mark.parametrize("about", ["", "[]", '{"variant": "int4", "layers": []}', '{"variant": "int8", "layers": ["nowhere"]}'])
def test_a_variant_that_does_not_say_what_it_is_is_refused(about: str, trained: dict[str, Trained], tmp_path: Path) -> None:
    source = trained[TEXT].run.model_dir
    variants.make(text_model.opened(source), "int8", source, tmp_path, "clf v5")
    (tmp_path / variants.ABOUT).write_text(about)
    with pytest.raises(UserError) as caught:
        text_serve.load(tmp_path, "cpu", 1)
    assert caught.value.code == "damaged_variant"


def test_a_file_cut_short_is_refused(trained: dict[str, Trained], tmp_path: Path) -> None:
    source = trained[TEXT].run.model_dir
    variants.make(text_model.opened(source), "int8", source, tmp_path, "clf v5")
    (tmp_path / int8.FILE).write_bytes((tmp_path / int8.FILE).read_bytes()[:-100])
    with pytest.raises(UserError) as caught:
        text_serve.load(tmp_path, "cpu", 1)
    assert caught.value.code == "damaged_variant"


def test_what_cannot_be_made_is_named_with_a_remedy(trained: dict[str, Trained], tmp_path: Path) -> None:
    status, folder = optimised(tmp_path / "a", PICTURE, "int8", trained[PICTURE])
    assert (status, problem(folder)["code"], problem(folder)["hint"]) == (3, "unknown_variant", "Choose bf16.")
    status, folder = optimised(tmp_path / "b", "text-classification/majority", "bf16", trained[TEXT])
    assert (status, problem(folder)["code"]) == (3, "unknown_variant")
    status, folder = optimised(tmp_path / "c", TEXT, "bf16", trained[TEXT], split="validation")
    assert (status, problem(folder)["code"], problem(folder)["hint"]) == (3, "empty_split", "Choose one of train, test.")
    status, folder = optimised(tmp_path / "d", TEXT, "bf16", trained[TEXT], columns={"text": "stars", "label": "review"})
    assert (status, problem(folder)["code"]) == (3, "no_rows")


def test_a_network_int8_can_hold_little_of_is_refused(trained: dict[str, Trained], tmp_path: Path) -> None:
    from workers.recipes.image_classification_finetune import model

    source = trained[PICTURE].run.model_dir
    with pytest.raises(UserError, match="would gain nothing") as caught:
        variants.make(model.opened(source), "int8", source, tmp_path, "clf v5")
    assert caught.value.code == "nothing_to_quantise"


def test_it_ends_between_its_stages_when_asked_to(trained: dict[str, Trained], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Asked once the variant is made: nothing is measured any more."""
    made = variants.make

    def make(*given: Any) -> None:
        made(*given)
        (tmp_path / "run" / "stop").write_text("discard")

    monkeypatch.setattr(variants, "make", make)
    status, folder = optimised(tmp_path / "run", TEXT, "bf16", trained[TEXT])
    assert (status, json.loads(folder.result.read_text())) == (0, {})
    assert not any("p50" in data["text"] for data in told(folder, "log"))


ALBERT = {"embedding_size": 128, "max_position_embeddings": 64, "num_hidden_layers": 3, "intermediate_size": 256}
NETWORKS = {
    "shared layers": ("AlbertForSequenceClassification", ALBERT),
    "Conv1D, tied words": ("GPT2LMHeadModel", {"n_embd": 128, "n_head": 4, "n_layer": 2, "n_positions": 64}),
    "no biases, untied words": ("LlamaForCausalLM", {"intermediate_size": 256, "num_hidden_layers": 2, "tie_word_embeddings": False}),
}


@pytest.mark.parametrize(("kind", "sizes"), NETWORKS.values(), ids=NETWORKS)
def test_networks_of_every_build_come_back(kind: str, sizes: dict[str, Any], tmp_path: Path) -> None:
    import transformers

    torch.manual_seed(0)
    build = getattr(transformers, kind)
    config = build.config_class(vocab_size=300, hidden_size=128, num_attention_heads=4, **sizes)
    network = build(config).eval()
    ids = torch.arange(3, 19)[None]
    source, target = tmp_path / "source", tmp_path / "target"
    with torch.inference_mode():
        reference = network(ids).logits
    network.save_pretrained(source)
    variants.make(network, "int8", source, target, "m v1")
    auto = transformers.AutoModelForCausalLM if "LM" in kind else transformers.AutoModelForSequenceClassification
    again = variants.opened(auto, target, transformers.AutoConfig.from_pretrained(target))
    with torch.inference_mode():
        found = variants.placed(again, target, torch.device("cpu"))(ids).logits
    assert float((found - reference).abs().max() / reference.abs().max()) < 0.1
    assert weights_of(target) < 0.36 * weights_of(source)
