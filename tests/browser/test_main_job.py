"""The main job by mouse alone: sign in, upload, prepare, train, watch, deploy, ask. And what a hand does beside it: twice, back."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser, FileChooser, Locator, Page, expect

from tests.browser.conftest import REVIEWS, House, sign_in
from tests.browser.pages import Desk
from tests.stack import Stack

pytestmark = [pytest.mark.browser, pytest.mark.torch]

READY = 120_000  # milliseconds a machine under load may take to prepare, to train a little, or to load a model


def upload(page: Page, file: Path) -> None:
    """Choose a file in the upload zone as a person does, and wait until it has travelled."""
    with page.expect_file_chooser() as chooser:
        page.locator("upload-zone button", has_text=re.compile("file", re.I)).first.click()
    chooser.value.set_files(file)
    page.locator("upload-zone .up .badge.ok").wait_for()


def test_from_a_sign_in_link_to_an_answer(stack: Stack, browser: Browser, tmp_path: Path) -> None:
    (tmp_path / "my reviews.csv").write_text(REVIEWS, "utf8")
    with Desk(browser, stack.base).page() as (page, _):
        page.goto(stack.manage("signinlink").splitlines()[-1])
        page.get_by_role("link", name=re.compile("later|skip", re.I)).or_(page.locator("main form button[type=submit]")).first.wait_for()
        page.goto("/")
        page.get_by_role("button", name="Language: English").click()
        page.get_by_role("menuitemradio", name="简体中文").click()
        expect(page.locator("html")).to_have_attribute("lang", "zh-Hans")
        page.get_by_role("button", name="语言").click()
        page.get_by_role("menuitemradio", name="English").click()

        expect(page.locator("html")).to_have_attribute("lang", "en")
        expect(page.locator("main")).to_contain_text("Upload your own")
        page.get_by_role("link", name="Upload your own").click()
        upload(page, tmp_path / "my reviews.csv")
        expect(page.locator("#name")).to_have_value("my-reviews")
        page.get_by_role("button", name="Create dataset").click()
        expect(page.locator(".page-head .badge.ok")).to_be_visible(timeout=READY)
        expect(page.locator("main table").first).to_contain_text("很")

        page.get_by_role("link", name="Train on this").click()
        expect(page.locator("#dataset")).to_have_value("my-reviews@1")
        page.get_by_role("button", name="Start training").click()
        page.wait_for_url(re.compile(r"/jobs/\d+$"))
        expect(page.locator("log-view .row").first).to_be_visible(timeout=READY)
        expect(page.locator("metric-charts .chart canvas").first).to_be_visible(timeout=READY)
        expect(page.locator(".page-head .badge.ok")).to_be_visible(timeout=2 * READY)

        page.locator(".lineage a", has_text="my-reviews-finetune").or_(page.locator("main a[href*='/models/']")).first.click()
        expect(page.locator("main")).to_contain_text("accuracy")
        page.get_by_role("link", name=re.compile("Deploy v1")).click()
        page.get_by_role("button", name="Deploy").click()
        expect(page.locator(".page-head .badge.ok")).to_be_visible(timeout=READY)

        page.locator(".page-head a[href*='/playground/']").click()
        page.locator("chat-play textarea").fill("质量很差 bad poor")
        page.locator("chat-play form button.primary").click()
        expect(page.locator("chat-play .score").first).to_contain_text(re.compile("neg|pos"), timeout=READY)


def test_a_double_click_starts_one_job_and_back_leads_to_a_form_that_works(house: House) -> None:
    with house.desk.page() as (page, _):
        before = {job["id"] for job in house.api.get("…/jobs")["items"]}
        page.goto(f"{house.home}/jobs/new?dataset=reviews@1&recipe=text-classification/majority")
        page.get_by_role("button", name="Start training").dblclick()
        page.wait_for_url(re.compile(r"/jobs/\d+$"))
        made = {job["id"] for job in house.api.get("…/jobs")["items"]} - before
        assert made == {page.url.rsplit("/", 1)[-1]}

        page.go_back()
        button = page.get_by_role("button", name="Start training")
        expect(button).to_be_enabled()
        expect(button).not_to_have_attribute("aria-busy", "true")
        page.go_forward()
        page.wait_for_url(re.compile(rf"/jobs/{made.copy().pop()}$"))
        page.go_back()
        button.click()
        page.wait_for_url(re.compile(r"/jobs/\d+$"))
        assert page.url.rsplit("/", 1)[-1] not in made | before


def test_without_script_a_dataset_is_made_and_a_job_started(house: House, tmp_path: Path) -> None:
    (tmp_path / "plain.csv").write_text(REVIEWS, "utf8")
    link = house.stack.manage("signinlink", "pages@example.org").splitlines()[-1]
    with Desk(house.desk.browser, house.stack.base).page(java_script_enabled=False) as (page, _):
        page.goto(link)
        page.goto(f"{house.home}/datasets/new")
        page.set_input_files("#file", tmp_path / "plain.csv")
        page.fill("#name", "plain")
        page.get_by_role("button", name="Create dataset").click()
        expect(page.locator("h1")).to_have_text("plain")
        house.api.wait("…/datasets/plain/versions/1", {"ready"})
        page.reload()
        page.get_by_role("link", name="Train on this").click()
        page.goto(f"{house.home}/jobs/new?dataset=plain@1&recipe=text-classification/majority")
        page.get_by_role("button", name="Start training").click()
        page.wait_for_url(re.compile(r"/jobs/\d+$"))
        number = page.url.rsplit("/", 1)[-1]
        assert house.api.wait(f"…/jobs/{number}")["state"] == "succeeded"
        page.reload()
        expect(page.locator(".page-head .badge.ok")).to_be_visible()


def reach(page: Page, wanted: Locator, most: int = 150) -> None:
    """Press Tab until it has the focus, as somebody without a mouse does."""
    wanted.first.wait_for()
    for _ in range(most):
        page.keyboard.press("Tab")
        if wanted.first.evaluate("element => element === document.activeElement"):
            return
    raise AssertionError(f"{wanted} cannot be reached by Tab")


def press(page: Page, wanted: Locator) -> None:
    reach(page, wanted)
    page.keyboard.press("Enter")


def test_the_main_job_by_keyboard_alone(stack: Stack, browser: Browser, tmp_path: Path) -> None:
    (tmp_path / "keys.csv").write_text(REVIEWS, "utf8")
    stack.client("keys@example.org", "by-keys")
    desk = sign_in(browser, stack, "keys@example.org")
    with desk.page() as (page, _):
        choosers: list[FileChooser] = []
        # From the beginning: a key is faster than a listener that is set just before it.
        page.on("filechooser", lambda chooser: choosers.append(chooser))
        page.goto("/w/by-keys")
        press(page, page.get_by_role("link", name="Upload your own").or_(page.get_by_role("link", name="Upload data")))
        page.wait_for_url(re.compile("/datasets/new$"))
        press(page, page.get_by_role("button", name="Choose files"))
        for _ in range(600):
            if not choosers:
                page.wait_for_timeout(100)
        choosers[0].set_files(tmp_path / "keys.csv")
        page.locator("upload-zone .up .badge.ok").wait_for()
        press(page, page.get_by_role("button", name="Create dataset"))
        expect(page.locator(".page-head .badge.ok")).to_be_visible(timeout=READY)
        press(page, page.get_by_role("link", name="Train on this"))
        page.wait_for_url(re.compile("/jobs/new"))
        reach(page, page.locator("#preset-balanced"))
        page.keyboard.press("ArrowLeft")
        expect(page.locator("#preset-quick")).to_be_checked()
        expect(page.locator("#p-epochs")).to_have_value("1")
        press(page, page.get_by_role("button", name="Start training"))
        page.wait_for_url(re.compile(r"/jobs/\d+$"))
        expect(page.locator(".page-head .badge.ok")).to_be_visible(timeout=2 * READY)
        press(page, page.locator(".page-head").get_by_role("link", name="Deploy"))
        page.wait_for_url(re.compile("/endpoints/new"))
        press(page, page.locator("main").get_by_role("button", name="Deploy", exact=True))
        expect(page.locator(".page-head .badge.ok")).to_be_visible(timeout=READY)
        press(page, page.locator(".page-head a[href*='/playground/']"))
        reach(page, page.locator("chat-play textarea"))
        page.keyboard.type("质量很差 bad poor")
        page.keyboard.press("Enter")
        expect(page.locator("chat-play .score").first).to_contain_text(re.compile("neg|pos"), timeout=READY)
