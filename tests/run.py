"""Runs every test as `make test` does, in three pytest calls, and ends with one closing line and one exit status.

The browser's tests have a call of their own, because playwright's event loop and asyncio's tests do not share a process; the
control plane's tests run a second time in an environment without torch, on PostgreSQL. Arguments are handed to each call.
"""

import os
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FULL, LIGHT = ROOT / ".venv/bin/python", ROOT / ".venv-control/bin/python"
CALLS = (
    ("everything but the browser", FULL, ["-p", "no:playwright", "--ignore=tests/browser", "tests"], {}),
    ("the browser", FULL, ["tests/browser"], {}),
    ("the control plane without torch, on PostgreSQL", LIGHT, ["-p", "no:playwright", "tests/controlplane"], {"TEST_DATABASE": "postgres"}),
)
COUNT = re.compile(r"(\d+) (passed|failed|errors?|skipped|xfailed|xpassed)\b")


def call(title: str, python: Path, arguments: list[str], more: dict[str, str]) -> tuple[int, Counter[str]]:
    """Run pytest once, showing what it prints. Returns its status and the counts of its closing line."""
    print(f"== {title}", flush=True)
    counts: Counter[str] = Counter()
    env = os.environ | {"PYTHONUNBUFFERED": "1", "DJANGO_ALLOW_ASYNC_UNSAFE": "true"} | more
    process = subprocess.Popen([str(python), "-m", "pytest", *arguments], cwd=ROOT, env=env, stdout=subprocess.PIPE, text=True)
    for line in process.stdout or ():
        print(line, end="", flush=True)
        if re.search(r"\bin \d+(\.\d+)?s\b", line) and (found := COUNT.findall(line)):
            counts = Counter({word.replace("errors", "error"): int(number) for number, word in found})
    return process.wait(), counts


def main(extra: list[str]) -> int:
    """Run the calls and add up; status 1 when any of them failed."""
    total: Counter[str] = Counter()
    failed = []
    for title, python, arguments, more in CALLS:
        status, counts = call(title, python, [*arguments, *extra], more)
        total += counts
        if status:
            failed.append(f"{title} (status {status})")
    if failed:
        print("failed: " + "; ".join(failed))
    rest = "".join(f", {total[word]} {word}" for word in ("error", "skipped", "xfailed", "xpassed") if total[word])
    print(f"{total['passed']} passed, {total['failed']} failed{rest}")
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
