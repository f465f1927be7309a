"""The live job page loses nothing and doubles nothing: over a reload in the middle of a job, and over ten seconds without network."""

import pytest
from playwright.sync_api import Page, WebSocketRoute, expect

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


class Cable:
    """The network of one page, to be pulled out: Chromium's own offline mode spares open websockets, so those are cut by hand."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.out = False
        self.sockets: list[WebSocketRoute] = []
        page.route_web_socket("**/ws/**", self.connect)

    def connect(self, socket: WebSocketRoute) -> None:
        if self.out:
            socket.close(code=4000, reason="no network")
        else:
            socket.connect_to_server()
            self.sockets.append(socket)

    def pull(self) -> None:
        self.out = True
        self.page.context.set_offline(True)
        for socket in self.sockets:
            socket.close(code=4000, reason="no network")

    def plug(self) -> None:
        self.out = False
        self.page.context.set_offline(False)


def test_ten_seconds_without_network_lose_no_line(house: House) -> None:
    job = house.long_job("offline")["id"]
    with house.desk.page(size=TALL, quiet=False) as (page, ear):
        cable = Cable(page)
        page.goto(f"{house.home}/jobs/{job}/logs")
        until(page, 6)
        cable.pull()
        seen = len(lines(page))
        expect(page.locator(".stale")).to_be_visible(timeout=9_000)  # the page says that it is behind
        page.wait_for_timeout(6_000)
        assert len(lines(page)) == seen
        cable.plug()
        until(page, seen + 4)
        expect(page.locator(".stale")).to_have_count(0, timeout=60_000)
        written = house.end(job)
        expect(page.locator("log-view .row > a")).to_have_count(len(written))
        assert lines(page) == written
        assert [what for what in ear.heard if "INTERNET_DISCONNECTED" not in what] == []
