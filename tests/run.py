"""Runs every test as `make test` does, in five pytest calls, and ends with one closing line and one exit status.

The browser's tests have a call of their own, because playwright's event loop and asyncio's tests do not share a process. The control
plane's tests keep one core half busy, so they run beside others: once beside the workers' and the flows', and once more, in an
environment without torch and on PostgreSQL, beside the faults', which mostly wait for what they broke to come back. The output of what
runs beside follows when both are through. Arguments are handed to each call.
"""

import os
import re
import subprocess
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]
FULL, LIGHT = ROOT / ".venv/bin/python", ROOT / ".venv-control/bin/python"


class Call(NamedTuple):
    """One run of pytest. more: environment variables of its own."""

    title: str
    python: Path
    arguments: list[str]
    more: dict[str, str] = {}


NO_BROWSER = ["-p", "no:playwright"]
STAGES = (
    [
        Call(
            "everything but the control plane, the faults and the browser",
            FULL,
            [*NO_BROWSER, *(f"--ignore=tests/{room}" for room in ("controlplane", "faults", "browser")), "tests"],
        ),
        Call("the control plane", FULL, [*NO_BROWSER, "tests/controlplane"]),
    ],
    [
        Call("the faults", FULL, [*NO_BROWSER, "tests/faults"]),
        Call(
            "the control plane without torch, on PostgreSQL",
            LIGHT,
            [*NO_BROWSER, "tests/controlplane"],
            {"TEST_DATABASE": "postgres"},
        ),
    ],
    [Call("the browser", FULL, ["tests/browser"])],
)
COUNT = re.compile(r"(\d+) (passed|failed|errors?|skipped|xfailed|xpassed)\b")


def run(call: Call, extra: list[str], *, hold: bool) -> tuple[int, Counter[str], str]:
    """Run pytest once, showing what it prints unless it is held back. Returns its status, the counts of its closing line, what was held."""
    held = [f"== {call.title}\n"]
    if not hold:
        print(held.pop(), end="", flush=True)
    counts: Counter[str] = Counter()
    env = os.environ | {"PYTHONUNBUFFERED": "1", "DJANGO_ALLOW_ASYNC_UNSAFE": "true"} | call.more
    command = [str(call.python), "-m", "pytest", *call.arguments, *extra]
    process = subprocess.Popen(command, cwd=ROOT, env=env, stdout=subprocess.PIPE, text=True)
    for line in process.stdout or ():
        if hold:
            held.append(line)
        else:
            print(line, end="", flush=True)
        if re.search(r"\bin \d+(\.\d+)?s\b", line) and (found := COUNT.findall(line)):
            counts = Counter({word.replace("errors", "error"): int(number) for number, word in found})
    return process.wait(), counts, "".join(held)


def main(extra: list[str]) -> int:
    """Run the calls and add up; status 1 when any of them failed."""
    total: Counter[str] = Counter()
    failed = []
    for stage in STAGES:
        with ThreadPoolExecutor(len(stage)) as pool:
            runs = [pool.submit(run, call, extra, hold=number > 0) for number, call in enumerate(stage)]
        for call, (status, counts, held) in zip(stage, [done.result() for done in runs], strict=True):
            print(held, end="", flush=True)
            total += counts
            if status:
                failed.append(f"{call.title} (status {status})")
    if failed:
        print("failed: " + "; ".join(failed))
    rest = "".join(f", {total[word]} {word}" for word in ("error", "skipped", "xfailed", "xpassed") if total[word])
    print(f"{total['passed']} passed, {total['failed']} failed{rest}")
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
