"""Every recipe's spec, as form, API and docs will read it."""

import subprocess
import sys

import orjson
import pytest
from pydantic import BaseModel, TypeAdapter, ValidationError

from workers.contract.recipe import Spec
from workers.recipes import FOLDER_OF, RECIPES

EACH = pytest.mark.parametrize("spec", RECIPES.values(), ids=RECIPES)
GROUPS = {"general", "training", "optimiser", "regularisation", "model", "data", "hardware"}


@EACH
def test_it_says_everything_in_both_languages(spec: type[Spec]) -> None:
    for name, field in spec.model_fields.items():
        extra = field.json_schema_extra
        assert isinstance(extra, dict), name
        for words in (extra["title_i18n"], extra["help_i18n"]):
            assert words["en"], name
            assert any("\u4e00" <= character <= "\u9fff" for character in words["zh"]), name
        assert extra["group"] in GROUPS, name
    for words in (spec.title, spec.summary, *(column.title for column in spec.columns.values())):
        assert words.en
        assert words.zh != words.en


@EACH
def test_it_accepts_its_presets_and_its_own_defaults(spec: type[Spec]) -> None:
    assert set(spec.presets) == {"quick", "balanced", "best"}
    for params in spec.presets.values():
        assert spec.model_validate(params).model_dump().keys() == spec.model_fields.keys()


@EACH
def test_it_accepts_its_own_example(spec: type[Spec]) -> None:
    request: type[BaseModel] = spec.request
    request.model_validate(spec.example)
    assert TypeAdapter(spec.response).json_schema()
    assert request.model_json_schema()["properties"]["inputs"]


@EACH
@pytest.mark.parametrize("value", [-1, "NaN", "1e400", 10**9, float("inf")])
def test_it_refuses_what_is_out_of_range(spec: type[Spec], value: object) -> None:
    for name in ("epochs", "batch_size", "learning_rate", "dropout"):
        if name in spec.model_fields:
            with pytest.raises(ValidationError):
                spec.model_validate({name: value})
    with pytest.raises(ValidationError):
        spec.model_validate({"epocs": 3})


def test_it_names_every_spec_uniquely() -> None:
    models = [model for spec in RECIPES.values() for model in (spec, spec.request)]
    assert len({model.__name__ for model in models}) == len(models)
    assert set(FOLDER_OF) == set(RECIPES)


def test_it_is_readable_without_any_ml_library() -> None:
    program = (
        "import sys\n"
        "for name in ('torch', 'numpy', 'transformers', 'datasets', 'pyarrow', 'PIL', 'tokenizers'): sys.modules[name] = None\n"
        "from workers.recipes import RECIPES\n"
        "import json; print(json.dumps({name: spec.model_json_schema() for name, spec in RECIPES.items()}))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert set(orjson.loads(done.stdout)) == set(RECIPES)


STATISTICS = {
    "splits": {"train": 8, "validation": 1, "test": 1},
    "features": {"text": "text", "label": "category"},
    "columns": {"label": {"type": "category", "values": [["a", 6], ["b", 4]]}},
    "classes": {"label": ["a", "b"]},
}


def codes(recipe: str, **change: object) -> list[str]:
    spec = RECIPES[recipe]
    found = spec.check_dataset(spec(), {"text": "text", "image": "image", "label": "label"}, {**STATISTICS, **change})
    return [problem["code"] for problem in found]


LABELLED = pytest.mark.parametrize("recipe", [name for name in RECIPES if "classification" in name])


@LABELLED
def test_it_finds_nothing_wrong_with_a_good_dataset(recipe: str) -> None:
    assert codes(recipe) == []


@LABELLED
def test_I42_one_class(recipe: str) -> None:
    assert codes(recipe, columns={"label": {"type": "category", "values": [["a", 10]]}}) == ["one_class"]


@LABELLED
def test_I43_class_with_one_row(recipe: str) -> None:
    assert codes(recipe, columns={"label": {"type": "boolean", "values": [[True, 9], [False, 1]]}}) == ["class_too_small"]


@LABELLED
def test_I43_empty_split(recipe: str) -> None:
    assert codes(recipe, splits={"train": 0, "test": 4}) == ["empty_split"]
    assert codes(recipe, splits={"train": 9, "validation": 1, "test": 0}) == ["empty_split"]


@LABELLED
def test_I41_text_as_label(recipe: str) -> None:
    assert codes(recipe, columns={"label": {"type": "text"}}) == ["label_type"]
