"""The child: one order, one run folder, one result. `python -m workers.child <run folder>` replays it by hand.

Exit status: 0 = `result.json` is there, 3 = the user can mend it (`error.json`), 1 = anything else (`error.json`, the stack in the log).
"""

import errno
import os
import random
import signal
import sys
import traceback
from collections.abc import Callable
from functools import partial
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from workers import inputs, sandbox
from workers.contract.home import ROOT, runtime_dir, slipway_home
from workers.contract.names import MiB
from workers.contract.orders import EvaluateWork, OptimizeWork, Order, PredictWork, ServeWork, TrainWork
from workers.contract.recipe import Spec, UserError
from workers.door import UPDATE_HINT
from workers.events import EventWriter
from workers.folder import RunFolder, write_json
from workers.outcome import OOM_HINT, USER_ERROR_STATUS, error, says_out_of_memory
from workers.recipes import FOLDER_OF, RECIPES
from workers.run import FolderRun

LIBRARIES = ("torch", "transformers", "datasets", "tokenizers", "safetensors", "numpy", "scikit-learn", "accelerate")
MAPPED_ALLOWANCE = 512 * MiB
SYSTEM_READ = ("/usr", "/lib", "/lib64", "/bin", "/opt", "/proc", "/sys", "/etc/ssl", "/etc/fonts", "/etc/ld.so.cache", "/etc/localtime")
NETWORK_READ = ("/etc/resolv.conf", "/etc/hosts", "/etc/nsswitch.conf", "/etc/gai.conf")


def work(folder: RunFolder, confined: bool) -> int:
    """Do what `order.json` says; the exit status. confined: put the walls up first (not when replayed by hand)."""
    try:
        order = Order.model_validate_json(folder.order.read_text(encoding="utf-8"))
        if confined:
            _confine(folder, order)
        _prepare_libraries(order, folder)
        result = _dispatch(order, folder)
        write_json(folder.result, result)
        return 0
    except UserError as problem:
        write_json(folder.error, problem.as_dict())
        return USER_ERROR_STATUS
    except BaseException as failure:
        traceback.print_exc()
        write_json(folder.error, describe(failure))
        return 1


def describe(failure: BaseException) -> dict[str, Any]:
    """The error an attempt ends with: out of memory and full disks by name, the rest by the last line of their stack."""
    text = str(failure)
    if isinstance(failure, MemoryError) or says_out_of_memory(text):
        return error("out_of_memory", text or "out of memory", OOM_HINT)
    if isinstance(failure, OSError) and failure.errno in (errno.ENOSPC, errno.EDQUOT):
        return error("disk_full", text, "Free space on the worker host, then resume the job.")
    last = traceback.format_exception_only(failure)[-1].strip()
    return error("crashed", last[:2000], "The log's last lines show where it happened.")


def _dispatch(order: Order, folder: RunFolder) -> dict[str, Any]:
    if isinstance(order.work, ServeWork):
        from workers.replica import server

        return server.serve(order, folder)
    if isinstance(order.work, TrainWork):
        return _train(order, order.work, folder)
    if isinstance(order.work, EvaluateWork):
        return _evaluate(order, order.work, folder)
    if isinstance(order.work, OptimizeWork):
        return _optimize(order, order.work, folder)
    if isinstance(order.work, PredictWork):
        return _predict(order, order.work, folder)
    raise UserError("unknown_kind", f"this worker does not know orders of kind {order.work.kind!r}", "Update the worker host.")


def _module(recipe: str, part: str) -> Any:
    """`train.py`, `serve.py` … of a recipe of the index; never a name from elsewhere."""
    if recipe not in FOLDER_OF:
        raise UserError("unknown_recipe", f"this worker does not know the recipe {recipe!r}", "Update the worker host.")
    return import_module(f"workers.recipes.{FOLDER_OF[recipe]}.{part}")


def _obey_stop(run: FolderRun) -> None:
    signal.signal(signal.SIGTERM, lambda *_: run.stop_asked.set())


def _train(order: Order, work: TrainWork, folder: RunFolder) -> dict[str, Any]:
    module = _module(work.recipe, "train")
    spec = _spec(work)
    run = FolderRun(folder, order)
    _obey_stop(run)
    if work.base_model and work.base_model.hub_id and run.base_model is None:
        run.base_model = _from_hub(work.base_model.hub_id, folder)
    seed = getattr(spec, "seed", None)
    _seed(seed if isinstance(seed, int) else 0)
    returned = module.train(run, spec)
    metrics = {**run.last_metrics, **(returned if isinstance(returned, dict) else {})}
    return {"metrics": metrics, "card": run.card_text, "versions": versions()}


def _spec(work: TrainWork) -> Spec:
    """The settings as this host's recipe reads them. Where the control plane accepted what this host cannot, their releases differ."""
    recipe = RECIPES[work.recipe]
    try:
        return recipe.model_validate(work.params)
    except ValidationError as refusal:
        places = ", ".join(sorted({str(error["loc"][0]) if error["loc"] else "params" for error in refusal.errors()}))
        message = f"recipe versions differ: this worker's {work.recipe} (version {recipe.version}) cannot take {places} as the order says"
        raise UserError("recipe_versions_differ", message, UPDATE_HINT) from refusal


def _evaluate(order: Order, work: EvaluateWork, folder: RunFolder) -> dict[str, Any]:
    """The recipe's own `evaluate(run, split, model)` -> {metrics, report}."""
    run = FolderRun(folder, order)
    _obey_stop(run)
    measure: Callable[..., dict[str, Any]] = _module(work.recipe, "train").evaluate
    answer = measure(run, work.split, folder.inputs / "model")
    return {"metrics": answer.get("metrics") or {}, "report": answer.get("report") or {}}


def _optimize(order: Order, work: OptimizeWork, folder: RunFolder) -> dict[str, Any]:
    from workers import optimising

    run = FolderRun(folder, order)
    _obey_stop(run)
    _seed(0)
    return optimising.optimise(run, work, partial(_module, work.recipe), folder.inputs / "model")


def _predict(order: Order, work: PredictWork, folder: RunFolder) -> dict[str, Any]:
    from workers import predicting

    run = FolderRun(folder, order)
    _obey_stop(run)
    _seed(0)
    predictor = _module(work.recipe, "serve").load(folder.inputs / "model", order.device, order.threads)
    return predicting.predict(run, work, predictor, folder.path / "predictions")


def _from_hub(identifier: str, folder: RunFolder) -> Path:
    """A model of the hub without anything that could run: safetensors, JSON and vocabularies, proved as those of a brought model are."""
    from huggingface_hub import snapshot_download

    from workers.prepare import model_import

    target = folder.inputs / "hub"
    try:
        snapshot_download(identifier, local_dir=target, allow_patterns=list(model_import.ALLOWED), ignore_patterns=["*/*"])
    except OSError as failure:
        hint = "Check the id and this host's network, or bring the model as an archive."
        raise UserError("hub_unreachable", f"{identifier}: {failure}", hint) from failure
    model_import.check(model_import.plain_files(target))
    return target


def versions() -> dict[str, str]:
    """Library versions for the lineage."""
    found = {"python": sys.version.split()[0]}
    for name in LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def _seed(seed: int) -> None:
    random.seed(seed)
    if "numpy" in sys.modules:
        sys.modules["numpy"].random.seed(seed % 2**32)
    if "torch" in sys.modules:
        sys.modules["torch"].manual_seed(seed)


def _prepare_libraries(order: Order, folder: RunFolder) -> None:
    """What the zygote imported with one thread and no cache gets this run's threads and folders."""
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(max(1, order.threads))
    if "datasets" in sys.modules:
        sys.modules["datasets"].config.HF_DATASETS_CACHE = folder.tmp / "datasets"


def _confine(folder: RunFolder, order: Order) -> None:
    """Memory, network, files. What the host does not permit is said in the log."""
    sandbox.no_core_dump()
    if order.device == "cpu" and order.resources.memory_bytes:
        sandbox.limit_memory(2 * order.resources.memory_bytes + MAPPED_ALLOWANCE)
    cpu = f"{order.threads} thread{'s' if order.threads > 1 else ''} of {order.device}"
    listens = order.network == "listen" and bool(os.environ.get("SLIPWAY_REPLICA_HOST"))
    tcp = listens or order.network in ("gang", "hub")
    network = order.network if tcp else f"none, by {sandbox.cut_network()}"
    kept = sandbox.confine(_readable(folder, order, tcp), _writable(folder, order), tcp)
    files = "own only" if kept else "not confined, this kernel has no Landlock"
    events = EventWriter(folder.path)  # closed before the recipe's own writer opens the file
    events.log(f"started on {cpu}; network: {network}; files: {files}")
    events.close()


def _readable(folder: RunFolder, order: Order, tcp: bool) -> list[Path]:
    """Python, its packages, our code and the order's own files; never the platform's state as a whole."""
    places = {sys.prefix, sys.base_prefix, sys.exec_prefix, str(ROOT / "workers"), *SYSTEM_READ, *(NETWORK_READ if tcp else ())}
    places |= {path for path in sys.path if path.endswith("-packages")}
    links = [path.resolve() for path in folder.inputs.rglob("*") if path.is_symlink()]
    return [*map(Path, sorted(places)), *inputs.local_files(order.work), *links]


def _writable(folder: RunFolder, order: Order) -> list[Path]:
    cache = slipway_home() / "cache"
    places = [folder.path, Path("/dev")]
    if order.network == "hub":
        places.append(cache / "hub")
    if order.device != "cpu":
        places.append(cache / "cuda")
    if isinstance(order.work, ServeWork):
        places.append(replica_sockets())
    for place in places:
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
    return places


def replica_sockets() -> Path:
    """A folder of their own, so that a replica cannot reach the broker's or the zygote's socket."""
    folder = runtime_dir() / "r"
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder


def main(arguments: list[str]) -> int:
    if len(arguments) != 1 or not (Path(arguments[0]) / "order.json").is_file():
        print("usage: python -m workers.child RUN_FOLDER", file=sys.stderr)
        return 2
    folder = RunFolder(Path(arguments[0]).resolve())
    return work(folder, confined="SLIPWAY_RUN" in os.environ)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
