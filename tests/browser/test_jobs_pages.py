"""The pages of jobs under the hand: ticking and comparing, walking a log, setting charts, and parts that follow their events."""

import re
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import House

pytestmark = [pytest.mark.browser, pytest.mark.torch]

OVERVIEW = "#job-figures tbody tr"


def test_jobs_are_ticked_by_keys_and_compared(house: House) -> None:
    with house.desk.page() as (page, _):
        page.goto(f"{house.home}/jobs?state=succeeded&recipe=text-classification/finetune")
        bar = page.locator(".tickbar")
        expect(bar).to_be_hidden()
        page.keyboard.press("j")
        page.keyboard.press("x")
        expect(bar).to_contain_text("1 selected")
        page.goto(f"{house.home}/jobs?state=succeeded")
        for number in (house.number, house.number + 1):
            page.get_by_role("checkbox", name=f"Select #{number}", exact=True).check()
        expect(bar).to_contain_text("2 selected")
        expect(page.locator("tr.picked")).to_have_count(2)
        bar.get_by_role("button", name="Compare").click()
        page.wait_for_url(re.compile(r"/compare\?jobs="))
        expect(page.locator(".jobchips li[data-job]")).to_have_count(2)
        expect(page.locator(".against tbody th[scope=row]", has_text="Validation: Accuracy")).to_be_visible()
        expect(page.locator("metric-charts .chart canvas").first).to_be_visible()
        page.locator(f".jobchips li[data-job='{house.number}']").hover()
        expect(page.locator(f".against th.lit[data-job='{house.number}']")).to_have_count(1)
        with page.expect_download() as download:
            page.get_by_role("link", name="Export CSV").click()
        assert "eval/accuracy" in download.value.path().read_text("utf-8-sig")
        page.get_by_role("link", name="Parallel coordinates").click()
        expect(page.locator("svg.parallel path").first).to_be_attached()


def test_ticks_outlive_a_reload_of_the_rows(house: House) -> None:
    with house.desk.page() as (page, _):
        page.goto(f"{house.home}/jobs")
        box = page.get_by_role("checkbox", name=f"Select #{house.number}", exact=True)
        box.check()
        with page.expect_response(lambda answer: "seen=" in answer.url) as polled:
            pass
        assert polled.value.status == 204
        house.start(recipe="text-classification/majority", name="a new row")
        expect(page.get_by_role("link", name=re.compile("1 new job, show"))).to_be_visible(timeout=20_000)
        expect(box).to_be_checked()
        expect(page.locator(".tickbar")).to_contain_text("1 selected")
        page.get_by_role("link", name=re.compile("1 new job, show")).click()
        expect(page.locator("tr[data-row]").first).to_contain_text("a new row")


def rows(page: Page) -> list[int]:
    return [int(text.replace(",", "")) for text in page.locator("log-view .row > a").all_text_contents()]


def test_a_log_is_searched_wrapped_linked_and_copied(house: House) -> None:
    lines: list[dict[str, Any]] = house.api.get(f"…/jobs/{house.number}/logs?limit=200")["items"]
    word = re.findall(r"[A-Za-z]{4,}", lines[0]["text"])[0]
    matching = [line["line"] for line in lines if word.lower() in line["text"].lower()]
    with house.desk.page(permissions=["clipboard-read", "clipboard-write"]) as (page, _):
        page.goto(f"{house.home}/jobs/{house.number}/logs")
        view = page.locator("log-view")
        view.locator("input[type=search]").fill(word)
        view.locator("input[type=search]").press("Enter")
        expect(view.locator(".found")).to_have_text(re.compile(rf"^\d+ of {len(matching)}$"))
        expect(view.locator(".row.on mark").first).to_be_visible()
        assert int(view.locator(".row.on > a").inner_text()) in matching
        view.get_by_role("button", name="Wrap").click()
        expect(view.locator(".flow .row").first).to_be_visible()
        assert rows(page) == sorted(rows(page))
        view.get_by_role("button", name="Wrap").click()
        view.locator(".vp").press("Home")
        view.locator("a[data-line='1']").click()
        view.locator("a[data-line='2']").click(modifiers=["Shift"])
        assert page.url.endswith("#L1-L2")
        view.locator(".vp").focus()
        page.keyboard.press("Control+c")
        expect(page.locator("#live")).to_have_text("2 lines copied")
        assert page.evaluate("navigator.clipboard.readText()") == "\n".join(line["text"] for line in lines[:2])
        page.reload()
        expect(view.locator(".row.on")).to_have_count(2)


def test_charts_keep_their_settings_in_the_address_and_speak(house: House) -> None:
    with house.desk.page() as (page, _):
        page.goto(f"{house.home}/jobs/{house.number}/metrics")
        charts = page.locator("metric-charts")
        charts.locator("canvas").first.wait_for()
        charts.get_by_role("button", name="Time", exact=True).click()
        charts.get_by_role("button", name="Log scale").click()
        charts.get_by_role("button", name="More chart settings").click()
        charts.get_by_role("menuitemcheckbox", name="Hide outliers").click()
        charts.get_by_role("menuitemcheckbox", name="Show as table").click()
        expect(charts.locator(".plot table").first).to_be_visible()
        assert page.url.endswith("?x=time&log=1&outliers=0")
        page.reload()
        charts.locator("canvas").first.wait_for()
        expect(charts.get_by_role("button", name="Time", exact=True)).to_have_attribute("aria-pressed", "true")
        plot = charts.locator(".plot").first
        plot.focus()
        page.keyboard.press("ArrowLeft")
        expect(page.locator("#live")).to_have_text(re.compile(r"^\d+:\d\d: .*loss [\d.]+"))
        for name, kind in (("Save as CSV", "csv"), ("Save as PNG", "png")):
            charts.get_by_role("button", name=re.compile("Menu of the chart")).first.click()
            with page.expect_download() as download:
                charts.get_by_role("menuitem", name=name).click()
            content = download.value.path().read_bytes()
            assert content.startswith(b'"Time","' if kind == "csv" else b"\x89PNG"), content[:40]


def test_the_parts_of_a_live_job_follow_its_events(house: House) -> None:
    job = house.long_job("followed")["id"]
    with house.desk.page() as (page, _):
        page.goto(f"{house.home}/jobs/{job}")
        expect(page.locator(OVERVIEW).first).to_be_visible(timeout=120_000)
        expect(page).to_have_title(re.compile(rf"^\d+ % · #{job} followed"), timeout=60_000)
        expect(page.locator("#job-tabs .n").first).to_be_visible(timeout=60_000)
        behind = house.start(recipe="text-classification/finetune", name="behind it")["id"]
        house.end(behind)  # before its turn came
        with page.context.new_page() as other:
            other.goto(f"{house.home}/jobs/{behind}/metrics")
            expect(other.locator("metric-charts .empty")).to_have_text("No figures were recorded before the end.")
        params = {"epochs": 1, "max_length": 32}
        short = house.start(recipe="text-classification/finetune", params=params, name="short", model_name="short")["id"]
        with page.context.new_page() as other:
            other.goto(f"{house.home}/jobs/{short}")
            expect(other.locator("log-view .bar")).to_be_visible()
            page.bring_to_front()
            page.get_by_role("button", name="Stop", exact=True).click()
            page.get_by_role("menuitem", name=re.compile("Stop and keep")).click()
            expect(page.locator(".page-head .badge", has_text="Stopped")).to_be_visible(timeout=60_000)
            expect(page.locator("main a", has_text="Deploy")).to_be_visible(timeout=60_000)
            other.bring_to_front()
            ends_in_view(other)


def ends_in_view(page: Page) -> None:
    """A job ends well while its page is open: every part of the page knows, without a reload."""
    expect(page.locator(".page-head .badge", has_text="Succeeded")).to_be_visible(timeout=120_000)
    expect(page.locator("main a", has_text="Deploy")).to_be_visible()
    expect(page.locator("#nav-main .spin")).to_have_count(0)
    expect(page.locator("log-view .bar").get_by_role("button", name="Follow", exact=True)).to_be_hidden()
    expect(page.locator("metric-charts .key", has_text="test ").first).to_be_visible()
