"""Datasets by hand: dropped on the list, a folder of pictures, sounds to listen to, rows by filter and link, uploads paused and refused."""

import io
import math
import re
import struct
import wave
import zipfile
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from tests.browser.conftest import REVIEWS, House

pytestmark = [pytest.mark.browser, pytest.mark.torch]
READY = 120_000
# Looked at in a copy: the page's own canvas is made for drawing, and a browser complains when such a one is read again and again.
PAINTED = """e => { const copy = new OffscreenCanvas(e.width, e.height).getContext('2d', { willReadFrequently: true });
  copy.drawImage(e, 0, 0); return copy.getImageData(0, 0, e.width, e.height).data.some(v => v > 0); }"""


def sound(pitch: int) -> bytes:
    """Half a second of a tone."""
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(b"".join(struct.pack("<h", int(9000 * math.sin(pitch * t / 400))) for t in range(4000)))
    return out.getvalue()


def until(page: Page, script: str, tag: str) -> None:
    """Wait until the script says yes of the open row's element; asked from outside, as the page allows no eval."""
    for _ in range(100):
        if page.locator(f"#row {tag}").evaluate(script):
            return
        page.wait_for_timeout(100)
    raise AssertionError(f"{script} of {tag} never became true")


def test_files_chosen_on_the_list_become_a_dataset(house: House, tmp_path: Path) -> None:
    (tmp_path / "Front Desk.csv").write_text(REVIEWS, "utf8")
    (tmp_path / "客服工单2024（导出）.csv").write_text(REVIEWS, "utf8")
    for name in ("notes.docx", "table.xlsx"):
        (tmp_path / name).write_bytes(b"PK")
    with house.desk.page() as (page, _):
        page.goto(f"{house.home}/datasets")
        create = page.get_by_role("button", name="Create dataset")
        expect(page.locator("upload-zone .drop")).to_be_visible()
        expect(create).to_be_hidden()
        chosen = page.locator("upload-zone .drop input[type=file]").first
        sent: list[str] = []
        page.on("request", lambda request: sent.append(request.url) if request.method in ("POST", "PATCH") else None)
        chosen.set_input_files(tmp_path / "notes.docx")
        expect(page.locator("upload-zone [role=status]")).to_contain_text("notes.docx cannot be read")
        chosen.set_input_files(tmp_path / "table.xlsx")
        expect(page.locator("upload-zone [role=status]")).to_contain_text("in Excel choose Save as, then CSV UTF-8")
        assert sent == [], "refused before its first byte"
        chosen.set_input_files(tmp_path / "客服工单2024（导出）.csv")
        expect(page.locator("#name")).to_have_value("dataset-2024")
        expect(page.locator("input[name=title]")).to_have_value("客服工单2024（导出）")
        expect(page.locator("upload-zone .up .badge.ok")).to_be_visible()
        page.locator("upload-zone .up .acts button").click()
        expect(page.locator("upload-zone .up")).to_have_count(0)
        chosen.set_input_files(tmp_path / "Front Desk.csv")
        expect(page.locator("#name")).to_have_value("front-desk")
        expect(page.locator("upload-zone .up .badge.ok")).to_be_visible()
        page.goto(f"{house.home}/jobs")
        page.go_back()
        expect(page.locator("upload-zone .up", has_text="Front Desk.csv").locator(".badge.ok")).to_be_visible()
        expect(page.locator("#name")).to_have_value("front-desk")
        create.click()
        page.wait_for_url(re.compile("/datasets/front-desk/1$"))
        expect(page.locator(".page-head .badge.ok")).to_be_visible(timeout=READY)


def test_a_folder_of_pictures_is_one_line_and_then_a_wall(house: House, tmp_path: Path) -> None:
    for name in ("cats", "dogs"):
        (tmp_path / "zoo" / name).mkdir(parents=True)
        for i in range(15):
            Image.new("RGB", (24 + i, 24), (i * 15, 90 if name == "cats" else 200, 60)).save(tmp_path / "zoo" / name / f"{i}.png")
    with house.desk.page("zh") as (page, _):
        page.goto(f"{house.home}/datasets/new")
        page.locator("upload-zone input[webkitdirectory]").set_input_files(tmp_path / "zoo")
        expect(page.locator("upload-zone .up")).to_have_count(1)
        expect(page.locator("upload-zone .up .badge.ok")).to_be_visible(timeout=READY)
        page.locator("#name").fill("zoo")
        page.get_by_role("button", name="创建数据集").click()
        expect(page.locator(".page-head .badge.ok")).to_be_visible(timeout=READY)
        expect(page.locator(".pictures a")).to_have_count(30)
        page.locator(".classes a", has_text="cats").click()
        expect(page.locator(".pictures a")).to_have_count(15)
        page.locator(".pictures a").nth(2).click()
        expect(page.locator("#row")).to_contain_text("cats")
        page.locator("#row a[data-lightbox]").click()
        expect(page.locator("dialog.lightbox img")).to_be_visible()
        page.keyboard.press("Escape")
        expect(page.locator("dialog.lightbox")).to_have_count(0)
        page.get_by_role("link", name="下一行").click()
        expect(page).to_have_url(re.compile(r"filter=label%3Aeq%3Acats.*row=\d+"))


def test_sounds_are_drawn_and_played(house: House) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for i in range(20):
            archive.writestr(f"{'high' if i % 2 else 'low'}/{i}.wav", sound(20 + 15 * (i % 2)))
    made = house.api.dataset("tones", "tones.zip", packed.getvalue(), {"format": "audio"})
    assert made["state"] == "ready", made["error"]
    with house.desk.page(theme="dark") as (page, _):
        page.goto(f"{house.home}/datasets/tones/1?split=train&row=3")
        player = page.locator("#row media-player")
        expect(player.locator("[role=slider]")).to_be_visible()
        expect(player).to_contain_text("0:01")
        until(page, PAINTED, "canvas")
        player.locator("[role=slider]").focus()
        page.keyboard.press("ArrowRight")
        until(page, "e => e.currentTime > 0", "audio")


def test_rows_are_found_by_a_filter_and_by_their_link(house: House) -> None:
    with house.desk.page() as (page, _):
        page.goto(f"{house.home}/datasets/reviews/1")
        page.get_by_role("button", name="Add filter").click()
        form = page.locator("#add-filter")
        form.get_by_label("Column").select_option("review")
        form.get_by_label("Condition").select_option("contains")
        form.get_by_label("Value").fill("item 77")
        form.get_by_role("button", name="Show these rows").click()
        expect(page.locator(".chip", has_text="item 77")).to_be_visible()
        expect(page.locator("#rows tbody tr")).to_have_count(1)
        page.locator(".chip").click()
        expect(page.locator("#rows tbody tr")).to_have_count(50)
        page.goto(f"{house.home}/datasets/reviews/1?split=train&row=112")
        expect(page.locator("tr.picked")).to_be_in_viewport()
        expect(page.locator("#row h2")).to_have_text("Row 112")
        page.get_by_role("link", name="Used by").click()
        expect(page.locator("main table")).to_contain_text("baseline")
        page.get_by_role("link", name="Health").click()
        expect(page.get_by_role("heading", name="Health")).to_be_visible()


def test_findings_are_looked_at_and_fixed_in_another_version(house: House) -> None:
    rows = [f"row {i},{'ab'[i % 2]}" for i in range(60)] + ["row 0,a", "row 1,b", "call 13812345678,a"]
    made = house.api.dataset("untidy", "untidy.csv", "\n".join(["text,label", *rows]).encode(), {"split": {"train": 1.0}})
    assert made["state"] == "ready", made["error"]
    with house.desk.page() as (page, _):
        page.goto(f"{house.home}/datasets/untidy/1/health")
        page.get_by_role("link", name="Show: 2 rows come again").click()
        expect(page.locator("#rows tbody tr")).to_have_count(2)
        expect(page.locator("#rows .badge")).to_have_text(["Duplicate", "Duplicate"])
        page.get_by_role("link", name="Preview fix", exact=True).click()
        expect(page.locator("main")).to_contain_text("call 138****78")
        expect(page.locator("dd", has_text="61")).to_be_visible()
        page.get_by_role("checkbox", name="Drop duplicates").uncheck()
        expect(page.locator("dt", has_text="Rows then").locator("+ dd")).to_have_text("63")
        page.get_by_role("button", name="Make v2").click()
        expect(page.locator(".page-head .badge.ok")).to_be_visible(timeout=READY)
        expect(page).to_have_url(re.compile("/datasets/untidy/2$"))
        page.goto(f"{house.home}/datasets/untidy/2?q=call")
        expect(page.locator("#rows tbody")).to_contain_text("call [PHONE]")


def test_an_upload_pauses_and_goes_on(house: House, tmp_path: Path) -> None:
    path = tmp_path / "slow.csv"
    path.write_text(REVIEWS * 400, "utf8")
    with house.desk.page() as (page, _):
        page.goto(f"{house.home}/datasets/new")
        session = page.context.new_cdp_session(page)
        session.send("Network.enable")
        limits = {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": 400_000}
        session.send("Network.emulateNetworkConditions", limits)
        page.locator("upload-zone .drop input[type=file]").first.set_input_files(path)
        page.get_by_role("button", name="Pause").click()
        row = page.locator("upload-zone .up", has_text="slow.csv")
        expect(row.locator(".badge.hold")).to_be_visible()
        page.wait_for_timeout(500)
        expect(row.locator(".badge.ok")).to_have_count(0)
        session.send("Network.emulateNetworkConditions", {**limits, "uploadThroughput": -1})
        page.get_by_role("button", name="Resume").click()
        expect(row.locator(".badge.ok")).to_be_visible()
        page.get_by_role("button", name="Remove slow.csv").click()
        expect(row).to_have_count(0)
