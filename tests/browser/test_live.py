"""The live job page loses nothing and doubles nothing: over a reload in the middle of a job, and over ten seconds without network."""

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import House

pytestmark = [pytest.mark.browser, pytest.mark.torch]

TALL = (1440, 4000)  # the log shows every line of these jobs at once
ROWS = "rows => rows.filter(r => r.childElementCount).map(r => [...r.childNodes].slice(3).map(n => n.textContent).join(''))"


def lines(page: Page) -> list[str]:
    """The text of every row of the log, in the order of the page."""
    return list(page.locator("log-view .row").evaluate_all(ROWS))


def numbers(page: Page) -> list[int]:
    return [int(text.replace(",", "")) for text in page.locator("log-view .row > a").all_inner_texts()]


def until(page: Page, count: int) -> None:
    """Wait until the log shows more than `count` lines."""
    expect(page.locator("log-view .row > a").nth(count)).to_be_visible(timeout=120_000)


def test_a_reload_in_the_middle_of_a_job_neither_misses_nor_doubles_a_line(house: House) -> None:
    job = house.long_job("reloaded")["id"]
    with house.desk.page(size=TALL) as (page, _):
        page.goto(f"{house.home}/jobs/{job}/logs")
        until(page, 6)
        page.reload()
        until(page, len(lines(page)) + 2)
        page.reload()
        until(page, len(lines(page)) + 2)
        written = house.end(job)
        expect(page.locator("log-view .row > a")).to_have_count(len(written))
        assert lines(page) == written
        assert numbers(page) == list(range(1, len(written) + 1))
        expect(page.locator(".page-head .badge.accent")).to_have_count(0)


def test_ten_seconds_without_network_lose_no_line(house: House) -> None:
    job = house.long_job("offline")["id"]
    with house.desk.page(size=TALL, quiet=False) as (page, ear):
        page.goto(f"{house.home}/jobs/{job}/logs")
        until(page, 6)
        seen = len(lines(page))
        page.context.set_offline(True)
        page.wait_for_timeout(10_000)
        page.context.set_offline(False)
        until(page, seen + 4)
        expect(page.locator(".stale")).to_have_count(0, timeout=60_000)
        written = house.end(job)
        expect(page.locator("log-view .row > a")).to_have_count(len(written))
        assert lines(page) == written
        assert [what for what in ear.heard if "INTERNET_DISCONNECTED" not in what] == []
