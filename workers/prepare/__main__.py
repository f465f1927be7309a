"""`python -m workers.prepare <run folder>`: carry out the order that lies there, in a process that limits itself first.

Writes `result.json`, or `error.json` and exit status 3 when the files are at fault. A death by signal (a parser that crashed, or ran into
its limits) leaves neither: whoever started it reports `damaged_file`. What is set down on the way is removed at the end.
"""

import os
import shutil
import sys
from importlib.abc import MetaPathFinder
from pathlib import Path
from typing import Any

for _variable in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"):
    os.environ.setdefault(_variable, "1")  # before numpy is there: its threads would cost memory and do nothing
os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")


class _NoPandas(MetaPathFinder):
    """pyarrow imports pandas at its first conversion when it finds it: half a second and 40 MB for nothing."""

    def find_spec(self, name: str, path: Any, target: Any = None) -> None:
        if name == "pandas":
            raise ModuleNotFoundError("pandas is not used here", name=name)


sys.meta_path.insert(0, _NoPandas())

from workers.contract.names import GiB  # noqa: E402
from workers.contract.orders import ImportWork, Order, PrepareWork  # noqa: E402
from workers.contract.recipe import UserError  # noqa: E402
from workers.prepare import sandbox  # noqa: E402

BAD_INPUT = 3
HUB_BYTES = 20 * GiB  # what a download may weigh is not known before
SCRATCH = ("spool", "hub")


def main(folder: Path) -> int:
    """Carry out the order; answers the exit status."""
    order = Order.model_validate_json((folder / "order.json").read_bytes())
    work = order.work
    if not isinstance(work, PrepareWork | ImportWork):
        raise SystemExit(f"an order of kind {work.kind} is not carried out here")
    inputs = [Path(file.path) for file in work.files if file.path]
    size = sum(path.stat().st_size for path in inputs)
    hub = isinstance(work, ImportWork) and bool(work.hub_id)
    sandbox.limit(HUB_BYTES if hub else size, order.resources.memory_bytes)
    weaker = sandbox.isolate(folder, inputs, network=hub)
    import orjson

    from workers.events import EventWriter

    events = EventWriter(folder)
    for note in weaker:
        events.log(note, "warning")
    try:
        result = _carry_out(work, folder, events)
    except UserError as error:
        events.emit("error", error.as_dict())
        _put(folder / "error.json", orjson.dumps(error.as_dict()))
        return BAD_INPUT
    finally:
        for name in SCRATCH:
            shutil.rmtree(folder / name, ignore_errors=True)
    _put(folder / "result.json", orjson.dumps(result, option=orjson.OPT_NON_STR_KEYS | orjson.OPT_SERIALIZE_NUMPY))
    return 0


def _carry_out(work: PrepareWork | ImportWork, folder: Path, events: Any) -> dict[str, Any]:
    """Import only what the order needs, and turn what parsers throw at damaged bytes into an error the user understands."""
    import pyarrow as pa

    try:
        if isinstance(work, PrepareWork):
            from workers.prepare.pipeline import prepare

            return prepare(work, folder, events)
        from workers.prepare.model_import import import_model

        return import_model(work, folder, events)
    except (MemoryError, RecursionError, pa.ArrowException) as error:
        names = ", ".join(file.name for file in work.files)
        message = f"{names} could not be read within the limits of memory: {type(error).__name__}"
        place = {"file": work.files[0].name} if work.files else {}
        raise UserError("damaged_file", message, "check the file; write it anew, or split it", place) from error


def _put(path: Path, data: bytes) -> None:
    """Write aside, sync, rename: whoever sees the file sees all of it."""
    aside = path.with_name(path.name + ".part")
    with open(aside, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    aside.rename(path)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        raise SystemExit("usage: python -m workers.prepare <run folder>")
    sys.exit(main(Path(sys.argv[1]).absolute()))
