"""The New job page: what is chosen shapes the rest, the JSON and the form say the same, what fails has a button, a form starts one job."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import OWNER, REVIEWS, House

pytestmark = [pytest.mark.browser, pytest.mark.torch]


def open_form(page: Page, house: House, query: str = "?dataset=reviews@1") -> None:
    page.goto(f"{house.home}/jobs/new{query}")
    expect(page.get_by_role("heading", name="Before you start")).to_be_visible()


def test_settings_follow_each_other_and_focus_stays(house: House) -> None:
    with house.desk.page() as (page, ear):
        ear.allowed = {422}
        open_form(page, house)
        expect(page.locator(".sees p")).to_have_count(3)
        page.locator("#p-epochs").fill("7")
        page.keyboard.press("Tab")
        expect(page.locator("#f-epochs .changed")).to_contain_text("default 3")
        assert page.evaluate("document.activeElement.id") == "p-batch_size"
        page.get_by_role("button", name="Reset Epochs").click()
        expect(page.locator("#p-epochs")).to_have_value("3")

        page.get_by_text("Best", exact=True).click()
        expect(page.locator("#p-epochs")).to_have_value("6")
        page.locator("#view-all").click()
        expect(page.locator("#all-optimiser")).to_be_visible()
        expect(page.locator("#g-optimiser")).to_have_count(0)

        page.locator("#p-batch_size").fill("99999")
        page.locator("#p-batch_size").press("Enter")
        expect(page.locator("[data-errors]")).to_be_focused()
        expect(page.locator("#p-batch_size")).to_have_value("99999")
        page.locator("[data-errors] a").click()
        expect(page.locator("#p-batch_size")).to_be_focused()
        expect(page.locator(".check-line").first).to_contain_text("Out of range")
        page.locator(".check-line").get_by_role("button", name="Reset Batch size").click()
        expect(page.locator(".check-line").first).to_contain_text("The columns are chosen")
        expect(page.locator("#p-batch_size")).to_have_value("32")


def test_another_kind_of_data_and_what_mends_a_wrong_choice(house: House) -> None:
    house.stack.client(OWNER, "texts").dataset("reviews", "reviews.csv", REVIEWS.encode())  # nothing here fits the other kind
    with house.desk.page("zh") as (page, _):
        page.goto("/w/texts/jobs/new?dataset=reviews@1")
        page.locator("#domain-image").click()
        expect(page.locator("#recipe-image-classificationfinetune")).to_be_checked()
        line = page.locator(".check-line", has_text="列与任务不符").or_(page.locator(".check-line", has_text="这个任务读不了这类数据集"))
        expect(line).to_be_visible()
        line.get_by_role("button").first.click()
        expect(page.locator("#recipe-text-classificationfinetune")).to_be_checked()
        expect(page.locator("#domain-text")).to_be_checked()
        expect(page.locator(".check-line", has_text="列已选好")).to_be_visible()


def test_the_json_and_the_form_say_the_same(house: House) -> None:
    with house.desk.page() as (page, _):
        open_form(page, house)
        page.locator("#p-epochs").fill("4")
        page.keyboard.press("Tab")
        expect(page.locator("#f-epochs .changed")).to_be_visible()
        page.locator("#g-json summary").click()
        text = page.locator("json-editor .cm-content")
        expect(text).to_contain_text('"epochs": 4')
        text.click()
        page.keyboard.press("Control+a")
        page.keyboard.insert_text('{"epochs": 5, "batch_size": 100000, "epoch": 1}')
        expect(page.locator("#p-epochs")).to_have_value("5")
        expect(page.locator("#p-batch_size")).to_have_value("100000")
        expect(page.locator("json-editor .cm-lintRange-error")).to_have_count(2)
        expect(page.locator("[data-errors]")).to_contain_text("There is no setting named: epoch")
        page.keyboard.press("Control+a")
        page.keyboard.insert_text('{\n  "sche')
        page.keyboard.press("Control+Space")
        expect(page.locator(".cm-tooltip-autocomplete", has_text="schedule")).to_be_visible()
        page.keyboard.press("Escape")
        page.keyboard.press("Control+a")
        page.keyboard.insert_text("{}")
        expect(page.locator("#p-epochs")).to_have_value("3")
        expect(page.locator("#f-epochs .changed")).to_have_count(0)


def test_the_same_form_sent_twice_starts_one_job(house: House) -> None:
    with house.desk.page(permissions=["clipboard-read", "clipboard-write"]) as (page, _):
        open_form(page, house, "?dataset=reviews@1&recipe=text-classification/majority")
        page.get_by_role("button", name="Copy as").click()
        page.get_by_role("menuitem", name="curl").click()
        assert "/api/v1/workspaces/pages/jobs" in page.evaluate("navigator.clipboard.readText()")
        page.keyboard.press("Escape")
        fields: dict[str, str] = page.evaluate("Object.fromEntries(new FormData(document.getElementById('job-form')))")
        answers = [page.request.post(page.url, form=fields, headers={"Referer": page.url}) for _ in range(2)]
        assert [answer.status for answer in answers] == [200, 200]
        assert re.search(r"/jobs/\d+$", answers[0].url)
        assert answers[0].url == answers[1].url
        changed = page.request.post(page.url, form={**fields, "name": "another"}, headers={"Referer": page.url})
        assert changed.url != answers[0].url
        page.locator("#name").fill("by the enter key")
        page.locator("#name").press("Enter")
        page.wait_for_url(re.compile(r"/jobs/\d+$"))
        expect(page.locator("h1")).to_contain_text("by the enter key")


def test_an_input_method_neither_searches_nor_sends_while_it_composes(house: House) -> None:
    with house.desk.page("zh") as (page, _):
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url) if "q=" in request.url else None)
        keys = page.context.new_cdp_session(page)
        page.goto(f"{house.home}/datasets")
        page.locator("#q").focus()
        for text in ("p", "pi", "pin"):
            keys.send("Input.imeSetComposition", {"text": text, "selectionStart": len(text), "selectionEnd": len(text)})
            page.wait_for_timeout(400)
        assert asked == [], "nothing is searched while the input method composes"
        with page.expect_response(re.compile("/datasets.*q=")):
            keys.send("Input.insertText", {"text": "评论"})
        expect(page.locator("#rows")).to_contain_text("没有符合条件的数据集")
        assert len(asked) == 1

        page.goto(f"{house.home}/jobs/new?dataset=reviews@1")
        page.locator("#name").focus()
        keys.send("Input.imeSetComposition", {"text": "ping", "selectionStart": 4, "selectionEnd": 4})
        keys.send("Input.dispatchKeyEvent", {"type": "rawKeyDown", "windowsVirtualKeyCode": 229, "key": "Process", "code": "Enter"})
        page.wait_for_timeout(300)
        assert page.url.endswith("/jobs/new?dataset=reviews@1")
        keys.send("Input.insertText", {"text": "评论模型"})
        expect(page.locator("#name")).to_have_value("评论模型")
