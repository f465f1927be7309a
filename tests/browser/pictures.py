"""Takes the pictures of README and user guide, in docs/pictures, in both languages: `make pictures`.

It starts a platform of its own, fills a workspace and photographs a training job while it runs. A palette of 128 colours is enough for
a page and keeps each file small.
"""

import io
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import Page, sync_playwright

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "platform"), str(ROOT)]

import find  # noqa: E402 (needs the path above)

from tests.browser.furnished import SENTENCE, WORKSPACE, ended, house, tune  # noqa: E402
from tests.browser.pages import Desk  # noqa: E402

PICTURES = ROOT / "docs/pictures"
LARGEST = 250_000  # bytes of one picture
PATIENCE = 300  # seconds until the job is past its middle
LONG = 7  # epochs of the job that is photographed while it runs
COLOURS = (128, 64, 32)
SUFFIX = {"en": "", "zh": "-zh"}
Act = Callable[[Page], Any]


def keep(page: Page, name: str) -> None:
    """What the window shows, as docs/pictures/NAME.png with at most `LARGEST` bytes."""
    page.wait_for_timeout(900)  # charts are drawn, fonts are there
    picture = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    for colours in COLOURS:
        out = io.BytesIO()
        picture.quantize(colours, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE).save(out, "PNG", optimize=True)
        if len(out.getvalue()) <= LARGEST:
            break
    else:
        raise SystemExit(f"{name}.png has {len(out.getvalue())} bytes even with {colours} colours; at most {LARGEST} are wanted.")
    PICTURES.mkdir(parents=True, exist_ok=True)
    (PICTURES / f"{name}.png").write_bytes(out.getvalue())
    print(f"docs/pictures/{name}.png: {len(out.getvalue())} bytes, {colours} colours")


def take(desk: Desk, name: str, address: str, act: Act | None = None) -> None:
    """One page in both languages."""
    for lang, suffix in SUFFIX.items():
        with desk.page(lang, quiet=False) as (page, _):
            page.goto(address)
            if act:
                act(page)
            keep(page, name + suffix)


def past_the_middle(page: Page) -> None:
    """Wait until the job of this page has done 55 % or has succeeded."""
    bar, end = page.locator("#job-head [role=progressbar]"), time.monotonic() + PATIENCE
    while time.monotonic() < end:
        done = float(bar.first.get_attribute("aria-valuenow") or 0) if bar.count() else 0
        if page.locator(".page-head .badge.bad").count():
            raise SystemExit("The training job failed; that is no picture of the product.")
        if done >= 55 or page.locator(".page-head .badge.ok").count():
            return
        page.wait_for_timeout(250)
    raise SystemExit(f"The job is not past its middle after {PATIENCE} s.")


def ask(page: Page) -> None:
    """One question in the playground, answered."""
    page.locator("chat-play textarea").first.fill(SENTENCE)
    page.locator("chat-play form button.primary").first.click()
    page.locator("chat-play .turn:not(.you)").first.wait_for(timeout=15_000)


def main() -> None:
    """Fill a workspace and take every picture."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(find.chromium()), args=["--no-sandbox"])
        with house(browser) as (_, api, desk, known):
            home = f"/w/{WORKSPACE}"
            live = tune(api, "longer", learning_rate=0.001, epochs=LONG, early_stopping_patience=0)
            take(desk, "new-job", f"{home}/jobs/new?dataset=reviews")
            take(desk, "dataset", f"{home}/datasets/reviews/1")
            take(desk, "home", home)
            take(desk, "job", f"{home}/jobs/{live['id']}", past_the_middle)
            take(desk, "members", f"{home}/members")
            ended(api, live)
            jobs = ",".join(str(number) for number in [*known["jobs"][1:], live["id"]])
            take(desk, "compare", f"{home}/compare?jobs={jobs}")
            take(desk, "model", f"{home}/models/sentiment/2")
            take(desk, "endpoint", f"{home}/endpoints/sentiment")
            take(desk, "playground", f"{home}/playground/sentiment", ask)
        browser.close()


if __name__ == "__main__":
    main()
