"""Markup in what a user brings, on its whole real way: file name, title, column and label, through training to the playground."""

import pytest

from tests.browser.conftest import House

pytestmark = [pytest.mark.browser, pytest.mark.torch]

IMAGE = "<img src=x onerror=alert(1)>"
SCRIPT = "<script>alert(1)</script>"
QUOTES = "\"'><svg onload=alert(1)>"
FOREIGN = "img[src=x], main script:not([src]):not([type*=json]), [onload], [onerror]"


def rows() -> bytes:
    """A column and two labels that are markup."""
    quoted = QUOTES.replace('"', '""')
    lines = [f'"{SCRIPT} good {n}","{IMAGE}"' if n % 2 else f'bad {n},"{quoted}"' for n in range(100)]
    return "\n".join([f'"{SCRIPT}","{IMAGE}"', *lines, ""]).encode()


def test_markup_in_data_is_shown_as_text_from_upload_to_playground(house: House) -> None:
    api = house.api
    api.post("…/datasets", {"name": "hostile", "title": f"{IMAGE}{SCRIPT}"})
    status, version = api.send_file("hostile", f"{IMAGE}.csv", rows(), {"header": True, "columns": {IMAGE: "category"}})
    assert status in (200, 202), version
    version = api.wait("…/datasets/hostile/versions/1", {"ready", "failed"})
    assert version["state"] == "ready", version["error"]
    spec = {"recipe": "text-classification/majority", "dataset": "hostile@1", "columns": {"text": SCRIPT, "label": IMAGE}}
    job = api.train(**spec, name=QUOTES, model_name="hostile")
    assert job["state"] == "succeeded", job["error"]
    assert api.deploy("hostile", "hostile@1")["state"] == "ready"
    own = f"/jobs/{job['id']}"
    paths = ["", "/datasets", "/jobs", "/models", "/endpoints/hostile", "/audit", "/jobs/new?dataset=hostile@1", "/search?q=hostile"]
    paths += [f"{own}{tab}" for tab in ("", "/logs", "/config", "/events")]
    paths += [f"/datasets/hostile/1{tab}" for tab in ("", "?row=0", "/statistics", "/versions", "/source")]
    paths += [f"/models/hostile/1{tab}" for tab in ("", "/card", "/files", "/lineage")]
    with house.desk.page() as (page, _):
        for path in paths:
            page.goto(house.home + path)
            assert page.locator(FOREIGN).count() == 0, path
        page.goto(f"{house.home}/playground/hostile")
        page.locator("chat-play textarea").fill(IMAGE)
        page.locator("chat-play button[type=submit]").click()
        page.locator("chat-play .score", has_text="<").first.wait_for()
        assert page.locator(FOREIGN).count() == 0
