"""The only door to the recipes' specs. Their `train.py` and `serve.py` are the data plane's and never imported here."""

from typing import Any

from pydantic import TypeAdapter

from workers.contract.recipe import Spec
from workers.recipes import RECIPES
from workers.recipes.base_models import base_models_for


def recipes() -> dict[str, type[Spec]]:
    """Every recipe by its name `task/method`, in the index's order."""
    return RECIPES


def recipe(name: str) -> type[Spec] | None:
    return RECIPES.get(name)


def base_models(spec: type[Spec]) -> list[dict[str, Any]]:
    """Base models of the catalogue this recipe can start from: [{id, title, folder, size_bytes, license, …}], without the folder."""
    return [model.public() for model in base_models_for(spec)]


def recipe_for_model(task: str, config: dict[str, Any]) -> str | None:
    """The recipe whose `serve.py` answers for a brought model of this task, judged by config.json's `model_type`."""
    kind = config.get("model_type")
    for name, spec in RECIPES.items():
        if spec.task() == task and kind in spec.base_architectures:
            return name
    return None


def describe(spec: type[Spec]) -> dict[str, Any]:
    """What `GET /recipes/{task}/{method}` answers."""
    return {
        "name": spec.recipe,
        "task": spec.task(),
        "method": spec.method(),
        "version": spec.version,
        "title": spec.title.en,
        "summary": spec.summary.en,
        "title_i18n": spec.title._asdict(),
        "summary_i18n": spec.summary._asdict(),
        "params_schema": spec.model_json_schema(),
        "presets": {name: dict(values) for name, values in spec.presets.items()},
        "columns": {
            role: {"types": list(column.types), "title": column.title.en, "title_i18n": column.title._asdict(), "required": column.required}
            for role, column in spec.columns.items()
        },
        "formats": list(spec.formats),
        "base_models": base_models(spec),
        "base_model_required": spec.base_models == "required",
        "base_model_allowed": spec.base_models != "none",
        "base_architectures": list(spec.base_architectures),
        "request_schema": spec.request.model_json_schema(),
        "response_schema": response_schema(spec),
        "example": spec.example,
        "devices": list(spec.devices),
        "variants": list(spec.variants),
        "main_metric": {"key": spec.main_metric, "goal": spec.main_metric_goal},
    }


def response_schema(spec: type[Spec]) -> dict[str, Any]:
    return TypeAdapter(spec.response).json_schema()
