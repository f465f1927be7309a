"""A model's report under the hand: a cell of the matrix by keyboard, its rows page by page, and a card edited beside its preview."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import House

pytestmark = [pytest.mark.browser, pytest.mark.torch]


def test_a_cell_is_opened_by_keys_and_closed_again(house: House) -> None:
    with house.desk.page() as (page, _):
        page.goto(f"{house.home}/models/tuned/1")
        cell = page.locator(".matrix td:not(.plain) a").first
        wanted = int(cell.locator("b").inner_text().replace(",", ""))
        cell.focus()
        page.keyboard.press("Enter")
        page.wait_for_url(re.compile(r"\?actual=[^&]+&predicted=[^&]+#rows"))
        rows = page.locator("#rows")
        expect(rows.locator("header")).to_contain_text(f"of {wanted:,}")
        expect(rows.locator("li .said").first).to_have_text(re.compile(r"\w"))  # the texts have come after the page
        expect(page.locator(".matrix [aria-current=true]")).to_have_count(1)
        page.go_back()
        expect(page.locator(".matrix [aria-current=true]")).to_have_count(0)
        page.go_forward()
        rows.get_by_role("link", name="Close").click()
        expect(page.locator(".matrix [aria-current=true]")).to_have_count(0)


def test_a_card_is_written_beside_its_preview(house: House) -> None:
    with house.desk.page() as (page, _):
        page.goto(f"{house.home}/models/tuned/1/card/edit")
        page.get_by_label("Markdown").fill("# Ours\n\n**bold** words")
        page.get_by_role("button", name="Update preview").click()
        expect(page.locator("#preview strong")).to_have_text("bold")
        expect(page.get_by_label("Markdown")).to_have_value("# Ours\n\n**bold** words")
        page.get_by_role("button", name="Save card").click()
        expect(page.locator(".md")).to_contain_text("bold words")
        page.get_by_role("link", name="Edit card").click()
        page.get_by_role("button", name="Restore the generated card").click()
        expect(page.locator(".md")).to_contain_text("How to call it")


def test_a_variant_is_made_from_the_menu_and_judged_by_the_limit(house: House) -> None:
    with house.desk.page() as (page, _):
        page.goto(f"{house.home}/models/tuned/1")
        page.get_by_role("button", name="Optimise").click()
        expect(page.get_by_role("menuitem", name="Quantise to int8")).to_be_disabled()
        page.get_by_role("menuitem", name="Quantise to bf16").click()
        page.wait_for_url("**/variants")
        row = page.locator("#variants tr", has=page.get_by_text("bf16", exact=True))
        expect(row).to_contain_text(re.compile("Within limit|Below your limit"), timeout=60_000)  # came by itself
        for limit, verdict in (("2", "Below your limit"), ("0", "Within limit"), ("", "")):
            page.get_by_role("link", name="Edit", exact=True).click()
            page.get_by_label("Macro F1, at least").fill(limit)
            page.get_by_role("button", name="Save limit").click()
            expect(page.get_by_text("The quality limit of tuned has changed.")).to_be_visible()
            expect(row).to_contain_text(verdict)
        row.get_by_role("link", name="Deploy bf16").click()
        expect(page.get_by_label("Model")).to_have_value("tuned@1 bf16")
    assert house.api.call("DELETE", "…/models/tuned/versions/1/variants/bf16")[0] == 204
