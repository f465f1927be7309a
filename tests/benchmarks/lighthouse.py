"""Lighthouse's desktop scores of the pages people use most, beside their targets.

    python -m tests.benchmarks.lighthouse [--rounds 1] [--home DIR --port N] [page …]

It installs its own copy of the npm package `lighthouse` under .tools, starts a platform, fills a workspace and looks at each page as its
signed-in owner. Prints the median scores of the rounds and every audit that cost points. With --home and --port it uses a platform that
runs and was filled by `tests.browser.sheets`.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Playwright, sync_playwright

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "platform"), str(ROOT)]

import find  # noqa: E402 (needs the path above)

from tests.browser.furnished import OWNER, WORKSPACE, house, sign_in  # noqa: E402
from tests.browser.pages import Desk  # noqa: E402
from tests.stack import Api, Stack, free_port  # noqa: E402

VERSION = "13.5.0"
TOOL = ROOT / ".tools/lighthouse"
CATEGORIES = ("performance", "accessibility", "best-practices")
TARGETS = {"performance": 95, "accessibility": 100, "best-practices": 95}
JOB_PERFORMANCE = 90


def install(node: Path) -> Path:
    """The program, installed by npm when it is not there in this version."""
    package = TOOL / "node_modules/lighthouse/package.json"
    if not package.is_file() or json.loads(package.read_text())["version"] != VERSION:
        command = ["npm", "install", "--prefix", str(TOOL), "--no-audit", "--no-fund", "--ignore-scripts", f"lighthouse@{VERSION}"]
        env = os.environ | {"PATH": f"{node}:{os.environ['PATH']}"}
        subprocess.run(command, check=True, env=env, stdout=subprocess.DEVNULL)
    return TOOL / "node_modules/lighthouse/cli/index.js"


def pages(api: Api) -> dict[str, str]:
    """Name → address, for a workspace as furnished.py fills it."""
    home = f"/w/{WORKSPACE}"
    trainings = api.get("…/jobs?kind=train&state=succeeded&recipe=text-classification/finetune&limit=2")["items"]
    numbers = [job["id"] for job in trainings]
    return {
        "sign-in": "/accounts/login/",
        "home": home,
        "datasets": f"{home}/datasets",
        "dataset": f"{home}/datasets/reviews/1",
        "new job": f"{home}/jobs/new",
        "job": f"{home}/jobs/{numbers[0]}",
        "compare": f"{home}/compare?jobs={','.join(numbers)}",
        "model": f"{home}/models/sentiment/2",
        "endpoint": f"{home}/endpoints/sentiment",
        "playground": f"{home}/playground/sentiment",
    }


def measure(tool: list[str], url: str, port: int, out: Path) -> dict[str, Any]:
    """One run of Lighthouse in the browser that listens on `port`, which has the cookies: its report. Tried again when incomplete."""
    command = [*tool, url, "--preset=desktop", "--output=json", f"--output-path={out}", "--quiet", f"--port={port}"]
    for _ in range(3):
        subprocess.run([*command, f"--only-categories={','.join(CATEGORIES)}"], check=True, stdout=subprocess.DEVNULL)
        report: dict[str, Any] = json.loads(out.read_text())
        if all(report["categories"][category]["score"] is not None for category in CATEGORIES):
            return report
    raise RuntimeError(f"Lighthouse could not measure {url}: {report.get('runtimeError')}")


@contextmanager
def window(playwright: Playwright, desk: Desk, folder: str) -> Iterator[int]:
    """A browser of its own with the desk's cookies; the port Lighthouse steers it by."""
    port = free_port()
    arguments = ["--no-sandbox", f"--remote-debugging-port={port}"]
    context = playwright.chromium.launch_persistent_context(folder, executable_path=str(find.chromium()), args=arguments)
    context.add_cookies(desk.storage["cookies"] if desk.storage else [])
    try:
        yield port
    finally:
        context.close()


def lost(report: dict[str, Any], category: str) -> list[str]:
    """The audits of a category that cost points."""
    weighed = [ref["id"] for ref in report["categories"][category]["auditRefs"] if ref["weight"]]
    audits = [report["audits"][name] for name in weighed]
    poor = [audit for audit in audits if audit["score"] is not None and audit["score"] < 0.9]
    return [f"{audit['id']} {audit.get('displayValue', '')}".strip() for audit in poor]


@contextmanager
def platform(browser: Browser, home: str, port: int) -> Iterator[tuple[Api, Desk]]:
    if home:
        running = Stack(home=Path(home), port=port)
        yield running.client(OWNER, WORKSPACE), sign_in(browser, running, OWNER)
        return
    with house(browser) as (_, api, desk, _known):
        yield api, desk


def main() -> None:
    """Measure every page and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("page", nargs="*")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--home", default="")
    parser.add_argument("--port", type=int, default=8000)
    given = parser.parse_args()
    node = find.node()
    tool = [str(node / "node"), str(install(node))]
    with sync_playwright() as playwright, tempfile.TemporaryDirectory() as folder:
        browser = playwright.chromium.launch(executable_path=str(find.chromium()), args=["--no-sandbox"])
        with platform(browser, given.home, given.port) as (api, desk):
            known = pages(api)
            print(f"{'page':12}" + "".join(f"{name:>16}" for name in CATEGORIES) + "   (target)  what cost points")
            for name in given.page or known:
                who = Desk(browser, desk.base) if name == "sign-in" else desk
                with tempfile.TemporaryDirectory() as profile, window(playwright, who, profile) as port:
                    out = Path(folder) / "report.json"
                    show(name, [measure(tool, api.base + known[name], port, out) for _ in range(given.rounds)])
        browser.close()


def show(name: str, reports: list[dict[str, Any]]) -> None:
    """One line for a page; `<` marks a score below its target."""
    line = f"{name:12}"
    for category in CATEGORIES:
        score = round(100 * statistics.median(report["categories"][category]["score"] or 0 for report in reports))
        target = JOB_PERFORMANCE if (name, category) == ("job", "performance") else TARGETS[category]
        line += f"{score:>8} ({target}){'<' if score < target else ' '}".rjust(16)
    faults = [f"{category}: {fault}" for category in CATEGORIES for fault in lost(reports[-1], category)]
    print(f"{line}   {'; '.join(faults)}", flush=True)


if __name__ == "__main__":
    main()
