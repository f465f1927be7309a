"""Preparing a large CSV: seconds, MB/s and peak memory of the preparing interpreter, for growing files.

    python -m tests.benchmarks.ingest [--megabytes 50 200 2000]

Runs `python -m workers.prepare` as a worker host does, without the platform. Memory must not grow with the file.
"""

import argparse
import json
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.stack import ROOT
from workers.contract.names import MiB
from workers.contract.orders import FileRef, Order, PrepareWork

WORDS = "收到的杯子盖子是坏的 delivery was quick 包装完好 the colour is off 价格便宜 works as expected".split()


def write(path: Path, megabytes: int) -> int:
    """A CSV of about this size: text, category, integer, number, boolean, timestamp. Returns its rows."""
    rows = 0
    with path.open("w", encoding="utf-8") as file:
        file.write("text,label,count,price,ok,at\n")
        while file.tell() < megabytes * MiB:
            block = []
            for _ in range(20_000):
                rows += 1
                text = " ".join(WORDS[(rows * k) % len(WORDS)] for k in range(3, 11))
                day = f"2025-{rows % 12 + 1:02d}-{rows % 28 + 1:02d}T08:00:00"
                block.append(f'"{text}, {rows}",{"good" if rows % 3 else "bad"},{rows},{rows / 7:.3f},{rows % 2 == 0},{day}\n')
            file.write("".join(block))
    return rows


def run(megabytes: int) -> str:
    folder = Path(tempfile.mkdtemp(prefix="slipway-ingest-"))
    try:
        source = folder / "rows.csv"
        rows = write(source, megabytes)
        work = PrepareWork(files=[FileRef(name="rows.csv", uri="rows", size=source.stat().st_size, path=str(source))])
        (folder / "order.json").write_text(Order(workspace="bench", job="1", attempt=1, work=work).model_dump_json())
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        begun = time.perf_counter()
        subprocess.run([sys.executable, "-m", "workers.prepare", str(folder)], cwd=ROOT, check=True)
        seconds = time.perf_counter() - begun
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        if sum(json.loads((folder / "result.json").read_text())["splits"].values()) != rows:
            raise RuntimeError("rows were lost")
        cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        size = source.stat().st_size / 1e6
        speed = f"{seconds:.1f} s ({size / seconds:.1f} MB/s), CPU {cpu:.1f} s"
        return f"{size:.0f} MB, {rows} rows: {speed}, peak {after.ru_maxrss / 1024:.0f} MiB"
    finally:
        shutil.rmtree(folder)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--megabytes", type=int, nargs="+", default=[50, 200, 2000])
    for megabytes in sorted(parser.parse_args().megabytes):  # growing: the peak so far is this one's
        print(run(megabytes), flush=True)


if __name__ == "__main__":
    main()
