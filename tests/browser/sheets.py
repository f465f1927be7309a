"""Photographs every page, for people to look at: `python -m tests.browser.sheets FOLDER [--home DIR --port N …]`.

In eight looks (two languages × two themes × two widths) and every condition of conditions.py. FOLDER/CONDITION/LOOK gets each page in full
size, FOLDER/CONDITION-LOOK-N.png are contact sheets; what is too wide, too large or noisy is printed. The filled platform in --home is
kept: it is made on the first call, and the addresses found are written to FOLDER, so that one page is taken anew in seconds:

    python -m tests.browser.sheets /tmp/sheets --home /tmp/sheets-home --looks '*-360' --conditions long --pages 'models/'
"""

import argparse
import io
import re
import sys
import time
from collections import Counter
from fnmatch import fnmatch
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from PIL import Image, ImageDraw
from playwright.sync_api import Browser, Page, sync_playwright

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "platform"), str(ROOT)]

import find  # noqa: E402 (needs the path above)

from tests.browser.conditions import CONDITIONS, Condition  # noqa: E402
from tests.browser.furnished import sign_in  # noqa: E402
from tests.browser.pages import NARROW, WIDE, Desk, Ear  # noqa: E402
from tests.stack import Stack  # noqa: E402

ELEMENTS, TALLEST = 1500, 6000  # of a page; pixels of a picture
SKIPPED = re.compile(r"^/(static|files|api|signin|accounts/logout|v1|guide|preferences)|/log\.txt|\.csv$|/download|/columns$|/ticked$")
NAMED = re.compile(r"(/(?:datasets|models|endpoints|playground|invitations)/)(?!new\b)[^/]+")
PER_KIND = {"jobs/N": 4, "jobs/N/logs": 2, "datasets/X/N": 3, "models/X/N": 2, "endpoints/X": 2}
LOOKS = {f"{lang}-{theme}-{size[0]}": (lang, theme, size) for size, lang, theme in product((WIDE, NARROW), ("en", "zh"), ("light", "dark"))}
OPENERS = "main [data-dialog], main [popovertarget], header .burger"
MEASURE = "() => ({wide: document.documentElement.scrollWidth - innerWidth, elements: document.querySelectorAll('*').length})"


class Shot(NamedTuple):
    """One page as it was seen."""

    address: str
    picture: Image.Image
    faults: list[str]


def kind_of(address: str) -> str:
    """Pages that differ only in numbers, names and places of a list are of one kind."""
    parts = urlsplit(address)
    below = re.sub(r"^/w/[^/]+/?", "", NAMED.sub(r"\1X", parts.path))
    return re.sub(r"\d+", "N", below) + ("?cursor" if parts.query else "")


def discover(desk: Desk, it: Condition) -> list[str]:
    """Every kind of page that links lead to from the workspace's home, and the next page of each list."""
    home = f"/w/{it.slug}"
    found, seen, left = list[str](), Counter[str](), [home]
    with desk.page(quiet=False) as (page, _):
        while left:
            address = left.pop(0)
            kind = kind_of(address)
            if address in found or SKIPPED.search(urlsplit(address).path) or seen[kind] >= PER_KIND.get(kind, 1):
                continue
            seen[kind] += 1
            page.goto(address)
            found.append(address)
            for href in page.locator("a[href]").evaluate_all("all => all.map(a => new URL(a.getAttribute('href'), location).href)"):
                target = urlsplit(href)
                if target.path.startswith(home) and re.fullmatch(r"(cursor=[^&]+)?", target.query) and href.startswith(desk.base):
                    left.append(target.path + (f"?{target.query}" if target.query else ""))
    return found


def addresses(folder: Path, name: str, desk: Desk) -> list[str]:
    """What to photograph of a condition: found once, then read from the folder."""
    it, kept = CONDITIONS[name], folder / f"{name}.txt"
    if it.crawl and not kept.exists():
        kept.write_text("\n".join(discover(desk, it)))
    found = kept.read_text().split() if it.crawl else []
    return found + [page for page in it.pages.replace("…", f"/w/{it.slug}").split() if page not in found]


def shoot(page: Page, ear: Ear, address: str) -> Shot:
    """Open, wait for what arrives late, measure, photograph."""
    before = len(ear.heard)
    page.goto(address)
    page.wait_for_timeout(400)
    page.wait_for_function("() => !document.querySelector('.htmx-request')", timeout=10_000)
    seen: dict[str, Any] = page.evaluate(MEASURE)
    picture = Image.open(io.BytesIO(page.screenshot(full_page=True))).convert("RGB")
    faults = list(ear.heard[before:])
    if seen["wide"] > 0:
        faults.append(f"{seen['wide']} px too wide")
    if seen["elements"] > ELEMENTS:
        faults.append(f"{seen['elements']} elements")
    return Shot(address, picture.crop((0, 0, picture.width, min(picture.height, TALLEST))), faults)


def opened(page: Page, address: str) -> list[Shot]:
    """Each dialog and menu of the page that is open, over it."""
    shots = []
    for number in range(page.locator(OPENERS).count()):
        opener = page.locator(OPENERS).nth(number)
        if opener.is_visible() and opener.is_enabled():
            opener.click()
            page.wait_for_timeout(200)
            shots.append(Shot(f"{address} open {number}", Image.open(io.BytesIO(page.screenshot())).convert("RGB"), []))
            page.goto(address)
    return shots


def sheets(shots: list[Shot], folder: Path, name: str, columns: int, width: int) -> None:
    """Nine (or eighteen narrow) pages on a sheet, each with its address."""
    height, rows = int(width * (0.9 if columns < 5 else 2.2)), 3 if columns < 5 else 2
    per = columns * rows
    for number in range(0, len(shots), per):
        sheet = Image.new("RGB", (columns * (width + 8), rows * (height + 22)), "#777777")
        draw = ImageDraw.Draw(sheet)
        for place, shot in enumerate(shots[number : number + per]):
            x, y = place % columns * (width + 8), place // columns * (height + 22)
            small = shot.picture.resize((width, int(shot.picture.height * width / shot.picture.width)))
            sheet.paste(small.crop((0, 0, width, min(height, small.height))), (x, y + 18))
            draw.text((x + 2, y + 3), shot.address[-int(width / 6.2) :], "#ffff99" if shot.faults else "#ffffff")
        sheet.save(folder / f"{name}-{number // per + 1}.png", optimize=True)


def look_at(desk: Desk, pages: list[str], folder: Path, condition: str, look: str, given: argparse.Namespace) -> None:
    """The pages of one condition in one look."""
    lang, theme, size = LOOKS[look]
    place, shots = folder / condition / look, list[Shot]()
    place.mkdir(parents=True, exist_ok=True)
    with desk.page(lang, theme, size, quiet=False) as (page, ear):
        for address in pages:
            try:
                taken = [shoot(page, ear, address), *(opened(page, address) if given.opened else [])]
            except Exception as error:  # a page that does not come is a fault to tell, not the end of the round
                print(f"{condition} {look} {address}: {type(error).__name__} {str(error)[:200]}", flush=True)
                continue
            shots += taken
            for shot in taken:
                shot.picture.save(place / f"{re.sub(r'[^A-Za-z0-9]+', '-', shot.address).strip('-')[-150:] or 'root'}.png")
                for fault in shot.faults:
                    print(f"{condition} {look} {shot.address}: {fault}", flush=True)
    if not given.pages and not given.opened:
        sheets(shots, folder, f"{condition}-{look}", *((9, 200) if size == NARROW else (3, 620)))
    print(f"{condition} {look}: {len(shots)} pages, {sum(bool(shot.faults) for shot in shots)} with faults", flush=True)


def fill(browser: Browser, stack: Stack) -> None:
    """Make every condition that the platform does not have yet."""
    for name, it in CONDITIONS.items():
        made = stack.home / f"{name}.made"
        if not made.exists():
            began = time.monotonic()
            it.fill(browser, stack, it)
            made.touch()
            print(f"{name}: made in {time.monotonic() - began:.0f} s", flush=True)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--home", default="", type=Path, help="the home of a platform that is kept; it may run already")
    parser.add_argument("--port", type=int, default=8000, help="where that one listens")
    parser.add_argument("--looks", default="*", help=f"of {', '.join(LOOKS)}; * stands for any")
    parser.add_argument("--conditions", default="*", help=f"of {', '.join(CONDITIONS)}")
    parser.add_argument("--pages", default="", help="only addresses in which this regular expression is found")
    parser.add_argument("--opened", action="store_true", help="also each dialog and menu of a page")
    return parser.parse_args()


def main() -> None:
    """Every page in every look and condition, or those that were asked for."""
    given = arguments()
    for folder in (given.folder, given.home):
        folder.mkdir(parents=True, exist_ok=True)
    stack = Stack(home=given.home.resolve(), port=given.port) if given.home.name else Stack()
    running = stack.ready()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(find.chromium()), args=["--no-sandbox"])
        try:
            _ = running or stack.start(120)
            fill(browser, stack)
            for name, it in CONDITIONS.items():
                if not fnmatch(name, given.conditions):
                    continue
                desk = sign_in(browser, stack, it.email) if it.email else Desk(browser, stack.base)
                pages = [page for page in addresses(given.folder, name, desk) if re.search(given.pages, page)]
                for look in LOOKS if pages else ():
                    if fnmatch(look, given.looks):
                        look_at(desk, pages, given.folder, name, look, given)
        finally:
            stack.stop()
            browser.close()


if __name__ == "__main__":
    main()
