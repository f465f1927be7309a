"""A log of a million lines and charts of 100,000 points × 2, in Chromium, beside the budgets of 500, 100 and 50 ms.

    python -m tests.benchmarks.log_and_charts [--lines 1000000] [--points 100000] [--rounds 9]

Opening: from the navigation to the first lines that can be read, and to the log view having taken them over. Jumping: from the scroll
to the rows of that place. Redraw: one chart of two series, drawn anew with all its points, on a page that holds them already. Prints
median, 95th percentile and extremes, and how long the page's main thread was busy, which other programs hardly change.
"""

import argparse
import sys
from pathlib import Path
from typing import Any

from tests.benchmarks.site import ROOT, site, spread

OPENED = """selector => new Promise(done => {
  const seen = () => {
    if (document.querySelector(selector)) requestAnimationFrame(() => done(performance.now()));
    else requestAnimationFrame(seen);
  };
  seen();
})"""
LINES = "log-view .row > a"
READY = "log-view .vp:not(.drawn) .row > a"
JUMP = """line => new Promise((done, failed) => {
  const view = document.querySelector('log-view');
  const start = performance.now();
  location.hash = 'L' + line;
  const seen = () => {
    const numbers = [...view.querySelectorAll('.row > a')].map(a => Number(a.textContent.replace(/,/g, '')));
    if (numbers.includes(line)) requestAnimationFrame(() => done([performance.now() - start, view.querySelectorAll('.row').length]));
    else if (performance.now() - start > 20000) failed(new Error(`line ${line} is not in view: ${numbers[0]} to ${numbers.at(-1)}`));
    else requestAnimationFrame(seen);
  };
  seen();
})"""
REDRAW = """async () => {
  const charts = document.querySelector('metric-charts');
  const start = performance.now();
  document.dispatchEvent(new CustomEvent('slipway:theme'));
  await Promise.resolve();
  await Promise.resolve();
  const canvas = charts.querySelector('canvas');
  const drawn = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data.some(value => value);
  if (!drawn) throw new Error('nothing was drawn');
  return performance.now() - start;
}"""


def log(desk: Any, lines: int, rounds: int) -> None:
    read, ready, busy, jumps, jumping, most = [], [], [], [], [], 0
    with desk.page() as (page, _):
        page.goto("/w/bench/jobs/1/logs")
        page.evaluate(OPENED, READY)
        thread = Thread(page)
        for _round in range(rounds):
            page.goto("about:blank")
            before = thread.busy()
            page.goto("/w/bench/jobs/1/logs", wait_until="commit")
            read.append(page.evaluate(OPENED, LINES) / 1000)
            ready.append(page.evaluate(OPENED, READY) / 1000)
            busy.append(thread.busy() - before)
        for at in range(rounds * 3):
            line = 1 + (at * 7919 * 131) % lines
            before = thread.busy()
            took_ms, rows = page.evaluate(JUMP, line)
            jumps.append(took_ms / 1000)
            jumping.append(thread.busy() - before)
            most = max(most, rows)
    spread(f"log of {lines:,} lines, to lines that can be read", read)
    spread(f"log of {lines:,} lines, to the log view in their place", ready)
    spread("  of it the page's main thread", busy)
    spread("jump to a line", jumps)
    spread("  of it the page's main thread", jumping)
    print(f"row elements at most: {most}")


class Thread:
    """The main thread of a page: how many seconds of a processor its tasks have had since this was made."""

    def __init__(self, page: Any) -> None:
        self.session = page.context.new_cdp_session(page)
        self.session.send("Performance.enable", {"timeDomain": "threadTicks"})

    def busy(self) -> float:
        metrics = {entry["name"]: entry["value"] for entry in self.session.send("Performance.getMetrics")["metrics"]}
        return float(metrics["TaskDuration"])


def charts(desk: Any, points: int, rounds: int) -> None:
    with desk.page() as (page, _):
        body = {key: _curve(points, key) for key in ("train/loss", "eval/loss")}
        page.route("**/jobs/1/metrics?*", lambda route: route.fulfill(json=body))
        page.goto("/w/bench/jobs/1/metrics")
        page.locator("metric-charts canvas").first.wait_for()
        page.evaluate(REDRAW)
        thread = Thread(page)
        times, busy = [], []
        for _round in range(rounds):
            before = thread.busy()
            times.append(page.evaluate(REDRAW) / 1000)
            busy.append(thread.busy() - before)
        spread(f"redraw of {points:,} points × 2", times)
        spread("  of it the page's main thread", busy)


def _curve(points: int, key: str) -> dict[str, list[Any]]:
    import math

    shift = 0.2 if key.startswith("eval") else 0.0
    values = [round(0.9 + shift + 2.4 * math.exp(-4 * step / points) + 0.05 * math.sin(step * 12.9898), 4) for step in range(points)]
    return {"steps": list(range(points)), "values": values, "times": [1_700_000_000 + step / 2 for step in range(points)]}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--lines", type=int, default=1_000_000)
    parser.add_argument("--points", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=9)
    given = parser.parse_args()
    sys.path.insert(0, str(Path(ROOT) / "platform"))
    with site() as it:
        import find
        from playwright.sync_api import sync_playwright

        from tests.controlplane.jobs.rows import job_rows, log_rows

        job = job_rows(it.workspace, it.user, 1)[0]
        log_rows(job, given.lines)
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=str(find.chromium()), args=["--no-sandbox"])
            desk = it.desk(browser)
            log(desk, given.lines, given.rounds)
            charts(desk, given.points, given.rounds)
            browser.close()


if __name__ == "__main__":
    main()
