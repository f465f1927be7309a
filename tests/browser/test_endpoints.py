"""Endpoint and playground as a person uses them: splitting traffic, rolling back, comparing, streaming, stopping, presets."""

import json
import re
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser.conftest import House

READY = 60_000


@pytest.fixture(scope="module")
def split(house: House) -> str:
    """An endpoint of two versions, 80 to 20."""
    house.api.deploy("split", "baseline@1")
    house.api.call("PATCH", "…/endpoints/split", {"model": "tuned@1", "traffic": {"1": 80, "2": 20}})
    house.api.wait("…/endpoints/split", {"ready", "failed"})
    return f"{house.home}/endpoints/split"


@pytest.fixture(scope="module")
def poet(house: House) -> Iterator[str]:
    """An endpoint that writes text; its lines are so long that it learns within a few steps to come to no end."""
    text = "".join(f"明月几时有，把酒问青天。第{n}首。" + "\n" * (n % 100 == 99) for n in range(1000))
    house.api.dataset("poems", "poems.txt", text.encode())
    params = {"max_steps": 200, "epochs": 100, "learning_rate": 0.005, "warmup_ratio": 0.0, "hidden_size": 64, "layers": 1}
    job = house.api.post(
        "…/jobs", {"kind": "train", "recipe": "text-generation/pretrain", "dataset": "poems", "params": params, "model_name": "poet"}
    )
    assert house.api.wait(f"…/jobs/{job['id']}")["state"] == "succeeded"
    house.api.deploy("poet", "poet@1")
    yield f"{house.home}/playground/poet"
    house.api.call("DELETE", "…/endpoints/poet")


def shares(house: House) -> dict[int, int]:
    found = house.api.get("…/endpoints/split")["revisions"]
    return {row["revision"]: row["traffic"] for row in found if row["traffic"]}


def test_traffic_is_split_rolled_back_and_resumed(house: House, split: str) -> None:
    with house.desk.page() as (page, _):
        page.goto(split)
        page.locator("[data-dialog=traffic-split]").click()
        dialog = page.locator("#traffic-split")
        numbers = dialog.locator("input[type=number]")
        expect(numbers.nth(1)).to_have_value("80")
        numbers.nth(0).fill("45")
        expect(numbers.nth(1)).to_have_value("55")
        dialog.locator("input[type=range]").nth(1).fill("70")
        expect(numbers.nth(0)).to_have_value("30")
        page.wait_for_timeout(2500)  # the page behind it refreshes; what is being set stays
        expect(numbers.nth(0)).to_have_value("30")
        dialog.locator("button.primary").click()
        expect(page.locator(".traffic")).to_have_attribute("aria-label", re.compile(r"tuned v1 30 % baseline v1 70 %"), timeout=READY)
        assert shares(house) == {1: 70, 2: 30}
        page.get_by_role("button", name="Roll back to baseline v1").first.click()
        expect(page.locator("main")).to_contain_text("Newer versions get 0 %", timeout=READY)
        page.get_by_role("button", name="Resume").click()
        expect(page.locator(".traffic")).to_have_attribute("aria-label", re.compile(r"tuned v1 30 %"), timeout=READY)
        assert shares(house) == {1: 70, 2: 30}


def test_charts_of_use_follow_calls_and_share_a_cursor(house: House, split: str) -> None:
    for _ in range(4):
        status, _body = house.api.call("POST", f"/v1/endpoints/{house.api.workspace}/split", {"inputs": "很好 good"})
        assert status == 200
    with house.desk.page() as (page, _):
        page.goto(f"{split}/usage")
        charts = page.locator("usage-charts .chart")
        expect(charts.nth(2)).to_be_visible(timeout=READY)
        expect(page.locator(".figures b").first).not_to_have_text("0", timeout=READY)
        box = charts.nth(0).locator(".u-over").bounding_box()
        assert box
        page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 20)
        expect(page.locator("[data-at]")).to_have_text(re.compile(r"^\d\d:\d\d$"))
        across = charts.nth(2).locator(".u-cursor-x").evaluate("line => line.style.transform")
        assert across not in ("", "translate(-10px, 0px)"), "the cursor of the other charts goes along"
        resources = page.locator("usage-charts .chart", has=page.get_by_role("heading", name="Resources"))
        expect(resources).to_contain_text(re.compile(r"CPU [\d.]+.*Memory [\d.]+.* of "), timeout=READY)
        page.locator("[data-tables]").click()
        expect(page.locator("usage-charts table").first).to_be_visible()


def test_two_versions_are_compared_and_the_code_says_the_same(house: House, split: str) -> None:
    with house.desk.page() as (page, _):
        page.goto(f"{house.home}/playground/split")
        page.locator("[data-play=compare]").click()
        sent: list[Any] = []
        page.on("request", lambda request: sent.append(request) if "/v1/endpoints/" in request.url else None)
        field = page.locator("chat-play textarea")
        field.fill('it\'s 很好 "good"')
        field.dispatch_event("compositionstart")
        field.press("Enter")
        assert sent == [], "Enter while composing chooses a word"
        field.dispatch_event("compositionend")
        page.wait_for_timeout(50)
        field.press("Shift+Enter")
        assert sent == []
        field.press("Backspace")
        field.press("Enter")
        expect(page.locator("chat-play .turn .score")).to_have_count(4, timeout=READY)
        assert sorted(request.headers["x-revision"] for request in sent) == ["1", "2"]
        assert "good" not in page.url
        page.reload()
        expect(page.locator("chat-play .who select")).to_have_count(2)
        page.locator("chat-play textarea").fill('it\'s 很好 "good"')
        code = page.locator("[data-lang-block=curl] pre").inner_text()
        ran = subprocess.run(
            ["bash", "-c", f"{code} -s"],
            capture_output=True,
            text=True,
            env={"SLIPWAY_TOKEN": house.api.token, "PATH": "/usr/bin:/bin"},
            timeout=30,
            check=False,
        )
        assert {row["label"] for row in json.loads(ran.stdout)[0]} == {"pos", "neg"}, ran.stderr


def test_a_new_tokens_first_call_runs_as_it_is_copied(house: House, split: str) -> None:
    with house.desk.page() as (page, _):
        page.context.grant_permissions(["clipboard-read", "clipboard-write"])
        page.goto("/tokens?new=1")
        for scope in ("read", "write"):
            page.locator(f"#new-token input[value={scope}]").uncheck()
        page.locator("#new-token input[name=name]").fill("a try")
        page.locator("#new-token button.primary").click()
        page.locator("#token-made [data-lang-block=curl] button").click()
        expect(page.locator(".toast")).to_be_visible()
        code = page.evaluate("navigator.clipboard.readText()")
        ran = subprocess.run(
            ["bash", "-c", f"{code} -s"], capture_output=True, text=True, env={"PATH": "/usr/bin:/bin"}, timeout=30, check=False
        )
        assert {row["label"] for row in json.loads(ran.stdout)[0]} == {"pos", "neg"}, (ran.stdout, ran.stderr)


def test_a_pair_has_two_fields_and_a_picture_no_button(house: House, split: str) -> None:
    """The page is changed on its way, so that no model of pairs or pictures has to be trained."""
    fields = [{"name": "text", "label": "问题", "value": "屏幕碎了"}, {"name": "text_pair", "label": "回答", "value": "能换"}]
    as_ = {"pair": {"pair": fields}, "image": {"kind": "image"}}

    def changed(route: Route) -> None:
        answer = route.fetch()
        start, config, end = re.split(r"(?<=json\">)(\{.*?\})(?=</script>\s*<chat-play)", answer.text(), maxsplit=1, flags=re.S)
        route.fulfill(response=answer, body=start + json.dumps(json.loads(config) | as_[route.request.url.rpartition("as=")[2]]) + end)

    with house.desk.page() as (page, _):
        sent: list[Any] = []
        page.route("**/playground/split?as=*", changed)
        page.on("request", lambda request: sent.append(request.post_data_json) if "/v1/endpoints/" in request.url else None)
        page.goto(f"{house.home}/playground/split?as=pair")
        expect(page.get_by_label("问题")).to_have_value("屏幕碎了")
        page.get_by_label("回答").fill("不能")
        expect(page.locator("[data-lang-block=curl] pre")).to_contain_text('{"inputs":{"text":"屏幕碎了","text_pair":"不能"}}')
        page.goto(f"{house.home}/playground/split?as=image")
        expect(page.locator("chat-play .drop")).to_be_visible()
        assert page.locator("chat-play button[type=submit]").count() == 0
        page.locator("chat-play input[type=file]").set_input_files({"name": "a.docx", "mimeType": "application/msword", "buffer": b"x"})
        expect(page.locator("chat-play [role=alert]")).to_have_text("This is no picture. Choose PNG, JPEG, WebP, BMP or GIF.")
        assert page.locator("chat-play .turn").count() == 0
        assert sent == []


def stream(page: Page, tokens: str) -> None:
    page.locator("[data-field=max_tokens]").fill(tokens)
    page.locator("chat-play textarea").fill("明月")
    page.locator("chat-play button[type=submit]").click()


def test_text_streams_and_stop_keeps_what_came(house: House, poet: str) -> None:
    with house.desk.page() as (page, _):
        page.goto(poet)
        stream(page, "64")
        turn = page.locator("chat-play .turn").last
        expect(turn.locator(".stats")).to_contain_text(re.compile(r"ms first.*tok/s.*64 tokens"), timeout=READY)
        slow = {"offline": False, "latency": 0, "downloadThroughput": 1500, "uploadThroughput": -1}  # bytes a second: some ten tokens
        page.context.new_cdp_session(page).send("Network.emulateNetworkConditions", slow)
        stream(page, "4000")
        turn = page.locator("chat-play .turn").last
        expect(turn.locator(".stats b").first).to_be_visible(timeout=READY)
        turn.get_by_role("button", name="Stop").click()
        expect(turn.locator(".badge")).to_have_text("Stopped")
        kept = turn.locator("p").nth(1).inner_text()
        assert kept
        page.wait_for_timeout(500)
        assert turn.locator("p").nth(1).inner_text() == kept


def test_a_preset_is_kept_chosen_and_deleted(house: House, poet: str) -> None:
    with house.desk.page() as (page, _):
        page.goto(poet)
        page.locator("[data-drag=temperature]").fill("1.5")
        expect(page.locator("[data-field=temperature]")).to_have_value("1.5")
        page.locator("[data-dialog=save-preset]").click()
        page.locator("#preset-name").fill("Wild 狂")
        page.locator("#save-preset button.primary").click()
        expect(page.locator("#preset option:checked")).to_have_text("Wild 狂")
        page.reload()
        expect(page.locator("[data-field=temperature]")).to_have_value("0.8")
        page.locator("#preset").select_option(label="Wild 狂")
        expect(page.locator("[data-field=temperature]")).to_have_value("1.5")
        expect(page.locator("[data-lang-block=curl] pre")).to_contain_text('"temperature":1.5')
        page.locator("[data-play=forget]").click()
        expect(page.locator("#preset option")).to_have_count(1)
        assert house.api.get("…/presets")["items"] == []
