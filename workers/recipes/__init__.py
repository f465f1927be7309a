"""The index of recipes. A new task type is one new folder and one line here, and nothing else anywhere."""

from importlib import import_module

from workers.contract.recipe import Spec

FOLDERS = (
    "text_classification_majority",
    "text_classification_finetune",
    "text_generation_pretrain",
    "image_classification_finetune",
)


def spec_of(folder: str) -> type[Spec]:
    """The spec class of one recipe folder: its `spec.py` binds it to the name RECIPE."""
    spec: type[Spec] = import_module(f"workers.recipes.{folder}.spec").RECIPE
    return spec


RECIPES: dict[str, type[Spec]] = {spec.recipe: spec for spec in map(spec_of, FOLDERS)}
FOLDER_OF: dict[str, str] = {spec_of(folder).recipe: folder for folder in FOLDERS}
