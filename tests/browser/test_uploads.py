"""An upload that a reload broke off goes on where the server is, with the same file chosen once more."""

import os
import random
import re
from pathlib import Path

import pytest
from playwright.sync_api import Request, Route, expect

from tests.browser.conftest import House

pytestmark = [pytest.mark.browser, pytest.mark.torch]

PART = 8 * 1024 * 1024  # bytes of one PATCH
ROWS = 2000


def big_file(path: Path) -> None:
    """20 MB of rows that do not compress: two and a half parts."""
    words = random.Random(7)
    with path.open("w", encoding="utf8") as file:
        file.write("review,stars\n")
        for number in range(ROWS):
            file.write(f"{words.randbytes(5000).hex()},{'pos' if number % 2 else 'neg'}\n")


def test_an_upload_goes_on_after_a_reload(house: House, tmp_path: Path) -> None:
    big_file(tmp_path / "big.csv")
    size = os.path.getsize(tmp_path / "big.csv")
    held: list[Route] = []
    patches: list[int] = []
    created: list[str] = []

    def hold_after_the_first(route: Route) -> None:
        if route.request.method == "PATCH" and int(route.request.headers["upload-offset"]) > 0:
            held.append(route)  # the second part never arrives
        else:
            route.continue_()

    def note(request: Request) -> None:
        if request.method == "PATCH":
            patches.append(int(request.headers["upload-offset"]))
        elif request.method == "POST" and request.url.endswith("/uploads"):
            created.append(request.url)

    with house.desk.page() as (page, _):
        chosen = page.locator("upload-zone .drop input[type=file]").first  # the zone's own, once its script is there
        page.goto(f"{house.home}/datasets/new")
        page.route("**/api/v1/**/uploads/*", hold_after_the_first)
        chosen.set_input_files(tmp_path / "big.csv")
        expect(page.locator("upload-zone .up .badge.accent")).to_be_visible()
        while not held:
            page.wait_for_timeout(100)
        page.reload()
        page.unroute_all(behavior="ignoreErrors")
        row = page.locator("upload-zone .up", has_text="big.csv")
        expect(row).to_contain_text(re.compile(f"{PART * 100 // size} ?%"))
        page.on("request", note)
        chosen.set_input_files(tmp_path / "big.csv")
        expect(page.locator("upload-zone .up .badge.ok")).to_be_visible()
        assert created == []
        assert patches == [PART, 2 * PART]
        page.get_by_role("button", name="Create dataset").click()
        expect(page.locator(".page-head .badge.ok")).to_be_visible(timeout=120_000)
        page.wait_for_url(re.compile("/datasets/big/1$"))
        assert sum(house.api.get("…/datasets/big/versions/1")["splits"].values()) == ROWS


def test_a_file_named_in_another_script_gives_the_title_and_a_name_that_works(house: House, tmp_path: Path) -> None:
    (tmp_path / "零件 照片.csv").write_text("review,stars\na good one,pos\na bad one,neg\n" * 20, "utf8")
    with house.desk.page() as (page, _):
        page.goto(f"{house.home}/datasets/new")
        page.locator("upload-zone .drop input[type=file]").first.set_input_files(tmp_path / "零件 照片.csv")
        expect(page.get_by_label("Title")).to_have_value("零件 照片")
        expect(page.get_by_label("Name", exact=True)).to_have_value(re.compile(r"dataset-\d+"))
        page.get_by_role("button", name="Create dataset").click()
        expect(page.locator(".page-head")).to_contain_text("零件 照片")
