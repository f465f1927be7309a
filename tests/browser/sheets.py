"""Photographs every page, for people to look at: `python -m tests.browser.sheets FOLDER [--all | --look N] [--home DIR --port N]`.

It starts a platform of its own, fills a workspace (see furnished.py), adds what is unusual (failures, long titles, many jobs, an empty
workspace) and follows every link. FOLDER gets each page in full size and contact sheets; what is too wide, too large or noisy is printed.
With --home and --port it uses a platform that runs.
"""

import argparse
import io
import re
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from PIL import Image, ImageDraw
from playwright.sync_api import Browser, Page, sync_playwright

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "platform"), str(ROOT)]

import find  # noqa: E402 (needs the path above)

from tests.browser.furnished import OWNER, WORKSPACE, furnish, house, sign_in  # noqa: E402
from tests.browser.pages import NARROW, WIDE, Desk, Ear  # noqa: E402
from tests.stack import Api, Stack  # noqa: E402

EMPTY = "new-team"
LONG = (
    "客服部门二〇二六年第三季度全部渠道商品评论与售后对话的情感分析数据（含人工复核、不含已撤回内容）"
    "Customer reviews of every channel, checked by hand"
)
ELEMENTS = 1500
STRANGER = ("/accounts/login/", "/accounts/signup/", "/accounts/password/reset/", "/guide/en/calling", "/guide/zh/training")
SKIPPED = re.compile(r"^/(static|files|api|signin|accounts/logout|v1)|/log\.txt|\.csv$|/download|/columns$|/ticked$")
NAMED = re.compile(r"(/(?:datasets|models|endpoints|playground|invitations)/)(?!new\b)[^/]+")
PER_KIND = {"jobs/N": 4, "jobs/N/logs": 2}
LOOKS = (("en", "light", WIDE), ("zh", "dark", WIDE), ("zh", "light", NARROW), ("en", "dark", NARROW))
OTHERS = (("zh", "light", WIDE), ("en", "dark", WIDE), ("en", "light", NARROW), ("zh", "dark", NARROW))
MEASURE = "() => ({wide: document.documentElement.scrollWidth - innerWidth, elements: document.querySelectorAll('*').length})"


class Shot(NamedTuple):
    """One page as it was seen."""

    address: str
    picture: Image.Image
    faults: list[str]


def unusual(stack: Stack, api: Api) -> None:
    """What a filled workspace rarely shows: failures, long words, many of a kind, and a workspace without anything."""
    api.call("POST", "…/datasets", {"name": "broken", "title": "Broken export"})
    api.send_file("broken", "broken.csv", b"a,b,c\n1,2,3\n4,5\n")
    large = "text,label\n" + "".join(f"row number {n} of ten thousand,{'even' if n % 2 else 'odd'}\n" for n in range(10_000))
    name = "a-dataset-with-a-name-of-the-greatest-length-that-a-slug-may-be"
    api.dataset(name, "large.csv", large.encode())
    api.call("POST", "…/datasets", {"name": "long-title", "title": LONG})
    body = {"kind": "train", "recipe": "text-classification/majority", "dataset": name}
    for number in range(30):
        api.post("…/jobs", {**body, "name": LONG[: 40 + number], "model_name": "many", "params": {"seed": number}})
    failing = {"recipe": "text-classification/finetune", "params": {"epochs": 50}, "resources": {"max_seconds": 2}}
    api.wait(f"…/jobs/{api.post('…/jobs', {**body, **failing, 'name': 'over its time'})['id']}")
    stack.manage("createtoken", OWNER, "--workspace", EMPTY)


@contextmanager
def platform(browser: Browser, home: str, port: int) -> Iterator[tuple[Stack, Desk]]:
    """A filled platform: the one that runs in `home`, filled now if it is empty, or one of its own."""
    if home:
        running = Stack(home=Path(home), port=port)
        api = running.client(OWNER, WORKSPACE)
        if not api.get("…/datasets")["items"]:
            furnish(browser, running, api)
            unusual(running, api)
        yield running, sign_in(browser, running, OWNER)
        return
    with house(browser) as (stack, api, desk, _):
        unusual(stack, api)
        yield stack, desk


def kind_of(address: str) -> str:
    """Pages that differ only in numbers and names are of one kind."""
    path = re.sub(r"\d+", "N", NAMED.sub(r"\1X", urlsplit(address).path))
    below = re.sub(r"^/w/[^/]+/?", "", path)
    return below if path.startswith(f"/w/{WORKSPACE}") or below == path else f"empty/{below}"


def discover(desk: Desk) -> list[str]:
    """Every kind of page that links lead to, from the filled and from the empty workspace."""
    found, seen, left = list[str](), Counter[str](), [f"/w/{WORKSPACE}", f"/w/{EMPTY}", "/inbox", "/account", "/tokens", "/guide"]
    with desk.page(quiet=False) as (page, _):
        while left:
            address = left.pop(0)
            kind = kind_of(address)
            if address in found or SKIPPED.search(urlsplit(address).path) or seen[kind] >= PER_KIND.get(kind, 1):
                continue
            seen[kind] += 1
            page.goto(address)
            found.append(address)
            for href in page.locator("a[href]").evaluate_all("all => all.map(a => a.getAttribute('href'))"):
                target = urlsplit(href)
                if not target.netloc and target.path.startswith("/") and not target.query:
                    left.append(target.path)
    return found


def shoot(page: Page, ear: Ear, address: str) -> Shot:
    """Open, wait for what arrives late, measure, photograph."""
    before = len(ear.heard)
    page.goto(address)
    page.wait_for_timeout(500)
    seen: dict[str, Any] = page.evaluate(MEASURE)
    picture = Image.open(io.BytesIO(page.screenshot(full_page=True))).convert("RGB")
    faults = list(ear.heard[before:])
    if seen["wide"] > 0:
        faults.append(f"{seen['wide']} px too wide")
    if seen["elements"] > ELEMENTS:
        faults.append(f"{seen['elements']} elements")
    return Shot(address, picture, faults)


def sheets(shots: list[Shot], folder: Path, look: str, columns: int, width: int) -> None:
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
        sheet.save(folder / f"sheet-{look}-{number // per + 1}.png", optimize=True)


def look_at(desk: Desk, stranger: Desk, addresses: list[str], folder: Path, lang: str, theme: str, size: tuple[int, int]) -> None:
    """All pages in one language, theme and width."""
    look = f"{lang}-{theme}-{size[0]}"
    (folder / look).mkdir(parents=True, exist_ok=True)
    shots = []
    for who, these in ((stranger, STRANGER), (desk, tuple(addresses))):
        with who.page(lang, theme, size, quiet=False) as (page, ear):
            for address in these:
                try:
                    shots.append(shot := shoot(page, ear, address))
                except Exception as error:  # a page that does not come is a fault to tell, not the end of the round
                    print(f"{look} {address}: {type(error).__name__} {str(error)[:200]}")
                    continue
                name = re.sub(r"\W+", "-", address).strip("-")[:100] or "root"
                shot.picture.save(folder / look / f"{len(shots):03}-{name}.png")
                for fault in shot.faults:
                    print(f"{look} {address}: {fault}", flush=True)
    narrow = size == NARROW
    sheets(shots, folder, look, 9 if narrow else 3, 200 if narrow else 620)
    print(f"{look}: {len(shots)} pages, {sum(bool(shot.faults) for shot in shots)} with faults", flush=True)


def main() -> None:
    """Everything, in four looks (or all eight)."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--all", action="store_true", help="both languages × both themes × both widths")
    parser.add_argument("--home", default="", help="the home of a platform that runs")
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--look", type=int, help="only this look, 0 to 7")
    given = parser.parse_args()
    looks = LOOKS + OTHERS if given.all or given.look is not None else LOOKS
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(find.chromium()), args=["--no-sandbox"])
        with platform(browser, given.home, given.port) as (stack, desk):
            addresses = discover(desk)
            for number, (lang, theme, size) in enumerate(looks):
                if given.look in (None, number):
                    look_at(desk, Desk(browser, stack.base), addresses, given.folder, lang, theme, size)
        browser.close()


if __name__ == "__main__":
    main()
