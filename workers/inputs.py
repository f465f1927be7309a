"""An order's files brought to this host: every reference gets a local path, folders get their names, links are struck out.

    inputs/base_model/  inputs/resume/  inputs/best/  inputs/model/     folders in Hugging Face layout, by symbolic links
Shards and users' files are used where they lie.
"""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from workers import checkpoints
from workers.contract.orders import (
    CheckpointRef,
    EvaluateWork,
    FileRef,
    ImportWork,
    ModelRef,
    OptimizeWork,
    Order,
    PredictWork,
    PrepareWork,
    ServeWork,
    TrainWork,
)
from workers.contract.recipe import UserError
from workers.folder import RunFolder
from workers.storage import Damaged, link_folder, local_path, sha256_of

Fetch = Callable[[FileRef], Path]
Note = Callable[[str, str], None]


def localise(order: Order, folder: RunFolder, fetch: Fetch, note: Note) -> Order:
    """A copy of the order with local paths and no links. fetch: `storage.fetch` bound to the door; note: (text, level) to the log.

    Raises UserError when a file cannot be had in a way that another try would not mend.
    """
    order = order.model_copy(deep=True)
    if order.device.startswith("cuda"):
        order.device = "cuda:0"  # the only one its environment shows it
    work = order.work
    if isinstance(work, PrepareWork | ImportWork):
        _bring(work.files, fetch)
    elif isinstance(work, TrainWork):
        _bring_shards(work.dataset.splits.values(), fetch)
        if work.base_model:
            _model(work.base_model, folder.inputs / "base_model", fetch)
        wanted = [work.resume, *work.fallback] if work.resume else []
        work.resume = _resume(wanted, folder.inputs / "resume", fetch, note)
        if wanted and not work.resume:
            note("no checkpoint is sound: training starts from its beginning", "error")
        work.best = _resume([work.best] if work.best and work.resume else [], folder.inputs / "best", fetch, note)
        work.fallback = []
    elif isinstance(work, EvaluateWork | OptimizeWork | PredictWork):
        _bring(work.dataset.splits.get(work.split, []), fetch)
        work.dataset.splits = {work.split: work.dataset.splits.get(work.split, [])}
        _model(work.model, folder.inputs / "model", fetch)
    elif isinstance(work, ServeWork):
        _model(work.model, folder.inputs / "model", fetch)
    return order


def _bring(files: Iterable[FileRef], fetch: Fetch) -> None:
    for ref in files:
        try:
            ref.path = str(fetch(ref))
        except Damaged as damaged:
            raise UserError("damaged_file", str(damaged), "Upload the file again.", {"file": ref.name}) from damaged
        ref.url = None


def _bring_shards(splits: Iterable[list[FileRef]], fetch: Fetch) -> None:
    for files in splits:
        _bring(files, fetch)


def _model(model: ModelRef, folder: Path, fetch: Fetch) -> None:
    """Stored files as a folder; a catalogue model where this host's packages keep it; a hub id is the child's to fetch."""
    if model.catalog:
        folder.symlink_to(_catalogue_folder(model.catalog), target_is_directory=True)
    elif model.files:
        _bring(model.files, fetch)
        link_folder([(ref.name, Path(ref.path or "")) for ref in model.files], folder)


def _catalogue_folder(identifier: str) -> Path:
    from workers.recipes import base_models

    for model in base_models.BASE_MODELS:
        if model.id == identifier and model.folder:
            return Path(model.folder)
    hint = "Install the packages named in samples/requirements.txt on this worker host, or choose another base model."
    raise UserError("base_model_absent", f"this worker host does not carry the base model {identifier!r}", hint)


def _resume(points: list[CheckpointRef], target: Path, fetch: Fetch, note: Note) -> CheckpointRef | None:
    """The first of these checkpoints whose bytes are all as they were when they were stored, linked into `target`; None if none is."""
    for point in points:
        try:
            for ref in point.files:
                ref.path = str(_sound(ref, fetch))
                ref.url = None
        except Damaged as damaged:
            note(f"checkpoint damaged: step {point.step}: {damaged}", "error")
            continue
        link_folder([(ref.name, Path(ref.path or "")) for ref in point.files], target)
        if (target / checkpoints.MANIFEST).exists():
            return point
        note(f"checkpoint damaged: step {point.step}: it has no manifest", "error")
    return None


def _sound(ref: FileRef, fetch: Fetch) -> Path:
    """The local file, its SHA-256 compared even where it lies on this very disk."""
    if ref.path and not local_path(ref) and not ref.url:
        raise Damaged(f"{ref.name} is gone or has another size")
    path = fetch(ref)
    if ref.sha256 and sha256_of(path) != ref.sha256:
        raise Damaged(f"the bytes of {ref.name} are not those that were stored")
    return path


def local_files(value: Any) -> Iterator[Path]:
    """Every path a localised order names, for the list of what its child may read."""
    if isinstance(value, FileRef):
        if value.path:
            yield Path(value.path)
    elif isinstance(value, dict):
        for item in value.values():
            yield from local_files(item)
    elif isinstance(value, list):
        for item in value:
            yield from local_files(item)
    elif hasattr(value, "model_fields_set"):
        for _, item in value:
            yield from local_files(item)
