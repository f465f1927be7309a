"""Takes the product's pictures in docs/pictures from a running platform: `python -m tests.browser.pictures SIGN-IN-LINK`.

`make demo` in one terminal gives the link (`python manage.py signinlink EMAIL`); the newest training job is shown as soon as it is
past its middle, or when it has succeeded. A palette of 128 colours is enough for a page and keeps each file small.
"""

import io
import re
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit

from PIL import Image
from playwright.sync_api import Page, sync_playwright

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "platform"), str(ROOT)]

import find  # noqa: E402 (needs the path above)

from tests.browser.pages import Desk  # noqa: E402

PICTURES = ROOT / "docs/pictures"
LARGEST = 250_000  # bytes of one picture
PATIENCE = 600  # seconds until the job is past its middle
COLOURS = (128, 64, 32)


def keep(page: Page, name: str) -> None:
    """What the window shows, as docs/pictures/NAME.png with at most `LARGEST` bytes."""
    page.wait_for_timeout(700)  # charts are drawn, fonts are there
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


def past_the_middle(page: Page) -> None:
    """Wait until the job of this page has done 55 % or has succeeded."""
    bar, end = page.locator("#job-head [role=progressbar]"), time.monotonic() + PATIENCE
    while time.monotonic() < end:
        done = float(bar.get_attribute("aria-valuenow") or 0) if bar.count() else 0
        if page.locator(".page-head .badge.bad").count():
            raise SystemExit("The newest training job failed; that is no picture of the product.")
        if done >= 55 or page.locator(".page-head .badge.ok").count():
            return
        page.wait_for_timeout(250)
    raise SystemExit(f"The job is not past its middle after {PATIENCE} s.")


def main(link: str) -> None:
    """Sign in by the link and take both pictures."""
    base = "{0.scheme}://{0.netloc}".format(urlsplit(link))
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(find.chromium()), args=["--no-sandbox"])
        with Desk(browser, base).page() as (page, _):
            page.goto(link)
            page.goto("/")
            home = page.url
            storage = page.context.storage_state()
        desk = Desk(browser, base, storage)
        with desk.page() as (page, _):
            page.goto(f"{home}/jobs")
            page.locator("tbody tr", has_text=re.compile("/(finetune|pretrain)")).first.locator("a.name").click()
            past_the_middle(page)
            keep(page, "job")
        with desk.page("zh", "dark") as (page, _):
            page.goto(home)
            keep(page, "home-zh")
        browser.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
