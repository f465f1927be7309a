"""The frame in a real browser: the palette, the keys, the inbox, undo."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import House
from tests.browser.pages import NARROW

pytestmark = [pytest.mark.browser, pytest.mark.torch]


def chosen(page: Page) -> str:
    """What the palette's choice says, as a screen reader follows it."""
    field = page.get_by_role("combobox", name="Search or jump to…")
    name = field.get_attribute("aria-activedescendant")
    return page.locator(f"#{name}").inner_text().split("\n")[0] if name else ""


def test_the_palette_goes_acts_and_searches_by_keyboard(house: House) -> None:
    with house.desk.page() as (page, _):
        page.goto(house.home)
        page.keyboard.press("Control+k")
        field = page.get_by_role("combobox", name="Search or jump to…")
        expect(field).to_be_focused()
        assert chosen(page) == "Home"
        page.keyboard.press("ArrowDown")
        assert chosen(page) == "Datasets"
        page.keyboard.press("ArrowUp")
        page.keyboard.press("ArrowUp")
        assert chosen(page) == "Show all keys"
        page.keyboard.type("theme dark")
        page.keyboard.press("Enter")
        expect(page.locator("html")).to_have_attribute("data-theme", "dark")
        page.keyboard.press("Control+k")
        page.keyboard.type("baseline")
        page.get_by_role("option", name=re.compile("baseline #")).wait_for()
        page.keyboard.press("Enter")
        page.wait_for_url(re.compile(rf"{house.home}/(jobs|models|endpoints)/"))
        page.keyboard.press("Control+k")
        page.keyboard.press("Escape")
        expect(field).to_be_hidden()


def test_nothing_is_searched_while_an_input_method_composes(house: House) -> None:
    with house.desk.page() as (page, _):
        page.goto(house.home)
        page.keyboard.press("Control+k")
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url) if "/search" in request.url else None)
        client = page.context.new_cdp_session(page)
        client.send("Input.imeSetComposition", {"text": "xunlian", "selectionStart": 7, "selectionEnd": 7})
        page.wait_for_timeout(400)
        assert asked == []
        with page.expect_request(lambda request: "/search" in request.url):
            client.send("Input.insertText", {"text": "训练"})


def test_keys_go_walk_and_tell_what_they_are(house: House) -> None:
    with house.desk.page() as (page, _):
        page.goto(house.home)
        page.keyboard.press("g")
        page.keyboard.press("j")
        page.wait_for_url(f"**{house.home}/jobs")
        page.keyboard.press("j")
        first = page.evaluate("document.activeElement.closest('[data-row]')?.innerText")
        page.keyboard.press("j")
        second = page.evaluate("document.activeElement.closest('[data-row]')?.innerText")
        assert first
        assert second
        assert first != second
        page.keyboard.press("x")
        assert page.evaluate("document.activeElement.closest('[data-row]').querySelector('[data-tick]').checked")
        page.keyboard.press("k")
        page.keyboard.press("Enter")
        page.wait_for_url(re.compile(rf"{house.home}/jobs/\d+"))
        page.keyboard.press("?")
        expect(page.get_by_role("dialog", name="Keys")).to_be_visible()
        page.keyboard.press("Escape")
        expect(page.get_by_role("dialog", name="Keys")).to_be_hidden()
        page.keyboard.press("c")
        page.wait_for_url(re.compile(rf"{house.home}/jobs/new"))
        page.goto("/account")
        page.get_by_label("Name").focus()
        page.keyboard.press("g")
        page.keyboard.press("h")
        page.wait_for_timeout(200)
        assert page.url.endswith("/account")


def test_the_frame_makes_room_at_every_width(house: House) -> None:
    with house.desk.page() as (page, _):
        page.goto(f"{house.home}/datasets/reviews/1/fix")
        beside = "document.querySelector('main').getBoundingClientRect().left"
        words = "document.querySelector('.side .label').getBoundingClientRect().width > 1"
        for width, room, spoken in ((1100, 228, True), (1099, 56, False), (760, 56, False), (759, 0, True)):
            page.set_viewport_size({"width": width, "height": 800})
            assert (page.evaluate(beside), page.evaluate(words)) == (room, spoken), width
            assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0, width
        page.set_viewport_size({"width": 360, "height": 800})
        parts = "[...document.querySelectorAll('ol.crumb > li')].filter(part => part.offsetWidth)"
        *before, here = page.evaluate(f"{parts}.map(part => part.scrollWidth - part.clientWidth)")
        assert here == 0, "the last part says where one is"
        assert before[0] > 0, "what is farthest from here gives way first"


def test_single_keys_can_be_switched_off(house: House) -> None:
    with house.desk.page() as (page, _):
        page.goto("/account")
        page.get_by_label("Single keys").uncheck()
        page.get_by_role("button", name="Save settings").click()
        page.get_by_role("status").filter(has_text="Settings saved").wait_for()
        page.keyboard.press("?")
        page.wait_for_timeout(200)
        expect(page.get_by_role("dialog", name="Keys")).to_be_hidden()
        page.keyboard.press("Control+k")
        expect(page.get_by_role("combobox", name="Search or jump to…")).to_be_focused()
        page.keyboard.press("Escape")
        page.get_by_label("Single keys").check()
        page.get_by_role("button", name="Save settings").click()
        page.get_by_role("status").filter(has_text="Settings saved").wait_for()


def test_the_bell_tells_what_ended_and_leads_there(house: House) -> None:
    job = house.start(recipe="text-classification/majority", name="rung", model_name="rung")["id"]
    house.api.wait(f"…/jobs/{job}")
    with house.desk.page() as (page, _):
        page.goto(house.home)
        bell = page.get_by_role("button", name=re.compile("Inbox"))
        bell.click()
        menu = page.get_by_role("menu", name="Inbox")
        menu.get_by_role("menuitem", name=re.compile(rf"rung #{job} has finished")).click()
        page.wait_for_url(re.compile(rf"{house.home}/jobs/\d+"))
        page.goto("/inbox")
        assert page.locator(".news > li").count() >= 3
        page.get_by_role("button", name="Mark all as read").click()
        page.get_by_text("Everything is read").wait_for()
        assert page.locator(".news > .unread").count() == 0
        expect(page.locator(".bell")).to_have_attribute("data-unread", "0")


TOLD = """
window.told = [];
window.Notification = new Proxy(Notification, { construct: (_, [title]) => (told.push(title), {}) });
Object.defineProperty(document, "hidden", { get: () => window.away === true });
"""


def test_the_browser_itself_tells_who_asked_for_it(house: House) -> None:
    with house.desk.page(permissions=["notifications"]) as (page, _):
        page.add_init_script(TOLD)
        page.clock.install()
        page.goto("/account/notifications")
        page.get_by_label("Show a notification when Slipway is not in view").check()
        page.reload()
        expect(page.get_by_label("Show a notification when Slipway is not in view")).to_be_checked()
        for name in ("before it looked", "while it was away"):
            job = house.start(recipe="text-classification/majority", name=name, model_name=name.replace(" ", "-"))["id"]
            house.api.wait(f"…/jobs/{job}")
            with page.expect_response(lambda answer: "unread=true" in answer.url):
                page.clock.run_for(31_000)
            page.evaluate("away = true")
        expect(page.locator("#live")).to_contain_text(f"#{job}")
        (told,) = page.evaluate("told")
        assert f"while it was away #{job} has finished" in told


def test_what_is_revoked_can_be_taken_back_for_ten_seconds(house: House) -> None:
    made = house.api.post("…/invitations", {"email": "undo@example.org", "role": "viewer"})
    with house.desk.page(size=NARROW) as (page, _):
        page.goto(f"{house.home}/members")
        row = page.get_by_role("listitem").filter(has_text="undo@example.org").first
        row.get_by_role("button", name="Revoke").click()
        expect(row).to_be_hidden()
        page.get_by_role("button", name="Undo").click()
        expect(row).to_be_visible()
        assert any(item["id"] == made["id"] for item in house.api.get("…/invitations")["items"])
        row.get_by_role("button", name="Revoke").click()
        page.goto(f"{house.home}/jobs")  # leaving sends it
        page.wait_for_timeout(500)
        assert not any(item["id"] == made["id"] for item in house.api.get("…/invitations")["items"])


def test_a_short_page_has_no_scrollbar_and_the_theme_button_always_shows(house: House) -> None:
    with house.desk.page() as (page, _):
        page.goto("/account")
        assert page.evaluate("document.documentElement.scrollHeight <= innerHeight")
        assert page.locator(".jump .kbd").inner_text() == "Ctrl K"
        page.emulate_media(color_scheme="light")
        page.get_by_label("Theme", exact=True).select_option("system")
        page.get_by_role("button", name="Save settings").click()
        for theme in ("dark", "light", "dark"):  # from the system's light one: never the same again
            page.get_by_role("button", name="Change theme").click()
            expect(page.locator("html")).to_have_attribute("data-theme", theme)
            expect(page.get_by_label("Theme", exact=True)).to_have_value(theme)


def test_revoking_the_last_token_empties_the_list_and_what_is_said_above_a_dialog_is_seen(house: House) -> None:
    with house.desk.page() as (page, _):
        page.goto("/tokens?new=1")
        page.get_by_label("Name", exact=True).fill("short-lived")
        page.get_by_role("button", name="Create token").click()
        page.get_by_role("dialog").get_by_role("button", name="Copy").first.click()
        assert page.locator("dialog:modal .toast").inner_text() == "Copied"
        page.get_by_role("link", name="Close and hide token").click()
        count, none = page.locator("[data-count]"), page.get_by_text("No tokens yet.")
        others = (
            "rows => { for (const row of rows) if (!row.matches('[data-none]') && !row.innerText.includes('short-lived')) row.remove() }"
        )
        page.locator("tbody tr").evaluate_all(others)  # tokens of the other tests stay what they are
        count.evaluate("count => { count.textContent = 1 }")
        page.get_by_role("button", name="Revoke token short-lived").click()
        expect(count).to_have_text("0")
        expect(none).to_be_visible()
        page.get_by_role("button", name="Undo").click()
        expect(count).to_have_text("1")
        expect(none).to_be_hidden()
