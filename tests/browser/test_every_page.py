"""Every page, in both languages and themes, wide and narrow: nothing axe-core finds, nothing on the console, nothing sideways."""

import gzip
from typing import Any

import pytest
from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Page

from tests.browser.conftest import House
from tests.browser.pages import NARROW, WIDE, Desk

pytestmark = [pytest.mark.browser, pytest.mark.torch]

HTML_BYTES, ELEMENTS = 60_000, 1500  # of one page, gzip
HTML = {"en": "en", "zh": "zh-Hans"}
ISLANDS = "upload-zone .drop, log-view .vp, chat-play form, metric-charts .charts"
COUNTS = """() => ({
  lang: document.documentElement.lang,
  h1: document.querySelectorAll('h1').length,
  elements: document.querySelectorAll('*').length,
  sideways: document.documentElement.scrollWidth - innerWidth,
  wide: [...document.querySelectorAll('main *, header *')]
    .filter(e => e.getBoundingClientRect().right > innerWidth + 1 && !e.closest('.scroller,.tabs,.seg,pre,.vp,.menu'))
    .slice(0, 3).map(e => e.tagName + '.' + e.className),
})"""
AXE = """() => axe.run(document, {resultTypes: ['violations']}).then(r => r.violations.map(
  v => v.id + ': ' + v.nodes.slice(0, 2).map(n => n.html.slice(0, 160) + ' ' + n.failureSummary).join(' | ')))"""


def addresses(house: House) -> list[str]:
    """Every kind of page a member can open."""
    job, data, model = f"/jobs/{house.number}", "/datasets/reviews/1", "/models/tuned/1"
    below = [
        "", "/search?q=rev", "/datasets", "/datasets/new", data, f"{data}?split=train&filter=stars:eq:neg&row=3", f"{data}/statistics",
        f"{data}/fix", f"{data}/health", f"{data}/versions", f"{data}/uses", f"{data}/source", "/jobs", "/jobs/new", job, f"{job}/logs",
        f"{job}/metrics", f"{job}/checkpoints", f"{job}/config", f"{job}/events", f"{job}/samples", f"{job}/evaluation", "/compare",
        f"/compare?jobs={house.number},{house.number + 1}&all=1", f"/compare?jobs={house.number},{house.number + 1}&view=parallel",
        "/evaluations", "/models", "/models/new", model, f"{model}/card", f"{model}/card/edit", f"{model}?actual=pos#rows",
        f"{model}/files", f"{model}/lineage",
        f"{model}/versions", f"{model}/variants", f"/jobs/{house.number + 2}",
        "/endpoints", "/endpoints/new", "/endpoints/baseline", "/endpoints/baseline/usage",
        "/endpoints/baseline/logs", "/endpoints/baseline/revisions", "/endpoints/baseline/settings", f"{model}/predictions",
        "/playground", "/playground/baseline",
        "/datasets/reviews/new", "/workers", "/limits", "/members", "/audit",
    ]  # fmt: skip
    own = ["/tokens", "/tokens?new=1", "/account", "/account/notifications", "/inbox", "/inbox?show=unread", "/workspaces/new"]
    own += [
        f"/accounts/{path}" for path in ("password/set/", "email/", "2fa/", "2fa/totp/activate/", "2fa/webauthn/", "sessions/", "logout/")
    ]
    return (
        [house.home + path for path in [*below, "/workers?span=7d", "/audit?action=dataset."]]
        + own
        + ["/api/v1/docs", "/api/v1/docs?call=training_api_start"]
    )


def faults(page: Page, address: str, lang: str, axe: str) -> list[str]:
    """What is wrong with the page at the address, once its islands are there."""
    answer = page.goto(address)
    html = gzip.compress(answer.body()) if answer else b""
    if page.locator("upload-zone, log-view, chat-play, metric-charts").count():
        page.locator(ISLANDS).first.wait_for()
    seen: dict[str, Any] = page.evaluate(COUNTS)
    wrong = [f"{name} is {seen[name]}" for name, right in (("lang", HTML[lang]), ("h1", 1)) if seen[name] != right]
    wrong += [
        f"{name} {size} above {most}"
        for name, size, most in (("html", len(html), HTML_BYTES), ("elements", seen["elements"], ELEMENTS))
        if size > most
    ]
    if seen["sideways"] > 0:
        wrong.append(f"{seen['sideways']} px too wide: {seen['wide']}")
    page.evaluate(axe)
    return wrong + list(page.evaluate(AXE))


@pytest.mark.parametrize(
    ("lang", "theme", "size"), [("en", "light", WIDE), ("zh", "dark", WIDE), ("zh", "light", NARROW), ("en", "dark", NARROW)]
)
def test_every_page_is_sound(house: House, lang: str, theme: str, size: tuple[int, int]) -> None:
    axe = AXE_SCRIPT
    found = {}
    with house.desk.page(lang, theme, size) as (page, _):
        for address in addresses(house):
            if wrong := faults(page, address, lang, axe):
                found[address] = wrong
    with Desk(house.desk.browser, house.desk.base).page(lang, theme, size) as (page, _):
        for address in ("/accounts/login/", "/accounts/signup/", "/accounts/password/reset/", "/accounts/login/code/", "/api/v1/docs"):
            if wrong := faults(page, address, lang, axe):
                found[address] = wrong
    assert found == {}


@pytest.mark.parametrize(
    ("lang", "nothing", "forbidden"), [("en", "Nothing at this address", "Not allowed"), ("zh", "这个地址没有内容", "没有权限")]
)
def test_errors_are_pages_in_the_readers_language(house: House, viewer: Desk, lang: str, nothing: str, forbidden: str) -> None:
    axe = AXE_SCRIPT
    for desk, address, status, title in (
        (house.desk, f"{house.home}/datasets/none", 404, nothing),
        (house.desk, "/w/of-somebody-else", 404, nothing),
        (house.desk, "/nowhere", 404, nothing),
        (viewer, f"{house.home}/jobs/new", 403, forbidden),
    ):
        with desk.page(lang) as (page, ear):
            ear.allowed = {status}
            answer = page.goto(address)
            assert answer
            assert (answer.status, page.locator("h1").inner_text()) == (status, title)
            assert faults(page, address, lang, axe) == []


LOOKED_AT_ELSEWHERE = frozenset(
    {
        "root",
        "signin",
        "join",
        "news",
        "dataset",
        "model",
        "model-matrix",
        "model-rows",
    }  # they lead on, need a code, or are parts of a page
)


def takes(view: Any) -> list[str]:
    """The methods a view was declared for, as its decorators hold them; empty when nothing was declared."""
    while view is not None:
        for cell in getattr(view, "__closure__", None) or ():
            if isinstance(cell.cell_contents, list) and set(cell.cell_contents) <= {"GET", "HEAD", "POST"}:
                return list(cell.cell_contents)
        view = getattr(view, "__wrapped__", None)
    return []


def test_no_page_is_left_out() -> None:
    """Every route of ours that answers GET with a page is among the addresses above, so that a new page is looked at too."""
    from django.urls import get_resolver, resolve

    from tests.controlplane.api.test_census import pages

    house = House(None, None, None, 2)  # type: ignore[arg-type]
    seen = {resolve(address.split("?")[0]).view_name for address in addresses(house)}
    ours = [
        (entry.name, entry.callback)
        for address, entry in pages(get_resolver())
        if address.startswith(("w/", "account", "tokens", "inbox", "workspaces/"))
    ]
    files = {name for name, _view in ours if name and name.endswith(("-file", "-log", "-download", "-csv", "-zip", "-cell", "-media"))}
    missed = {name for name, view in ours if name and "GET" in takes(view)} - seen - files - LOOKED_AT_ELSEWHERE
    assert {name for name in missed if not name.startswith(("account_", "mfa_", "usersessions"))} == set()
