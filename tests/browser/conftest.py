"""One browser and one furnished workspace for all browser tests: a dataset, two models, a variant, an endpoint, made by the public API."""

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.browser.pages import Desk
from tests.stack import Api, Stack

WORKSPACE, OWNER = "pages", "pages@example.org"
COLUMNS = {"text": "review", "label": "stars"}
REVIEWS = "review,stars\n" + "".join(
    f"{'很好 good fine' if i % 2 else '很差 bad poor'} item {i},{'pos' if i % 2 else 'neg'}\n" for i in range(400)
)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "platform"))
    import find

    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=str(find.chromium()), args=["--no-sandbox"])
        yield running
        running.close()


@dataclass
class House:
    """A furnished workspace. api: its owner's client. desk: its owner's browser. number: of its finished fine-tuning job."""

    stack: Stack
    api: Api
    desk: Desk
    number: int

    @property
    def home(self) -> str:
        return f"/w/{WORKSPACE}"

    def start(self, **spec: Any) -> Any:
        return self.api.post("…/jobs", {"kind": "train", "dataset": "reviews", "columns": COLUMNS, **spec})

    def long_job(self, name: str) -> Any:
        """A job that goes on until it is cancelled, and writes a log line or two with every epoch, which takes a second or so."""
        params = {"epochs": 500, "batch_size": 1, "early_stopping_patience": 0, "max_length": 32}
        return self.start(recipe="text-classification/finetune", params=params, name=name, model_name=name)

    def end(self, job: str) -> list[str]:
        """Cancel a job, wait for its end and return every line of its log."""
        self.api.call("POST", f"…/jobs/{job}/cancel", {})
        self.api.wait(f"…/jobs/{job}")
        lines: list[str] = []
        while items := self.api.get(f"…/jobs/{job}/logs?limit=200&after={len(lines)}")["items"]:
            lines += [item["text"] for item in items]
        return lines


def sign_in(browser: Browser, stack: Stack, email: str) -> Desk:
    """The desk of somebody who signed in by a one-time link."""
    link = stack.manage("signinlink", email).splitlines()[-1]
    with Desk(browser, stack.base).page() as (page, _):
        page.goto(link)
        page.wait_for_url(re.compile(r"/accounts/password/set|/w/"))
        return Desk(browser, stack.base, page.context.storage_state())


@pytest.fixture(scope="session")
def house(stack: Stack, browser: Browser) -> House:
    api = stack.client(OWNER, WORKSPACE)
    dataset = api.dataset("reviews", "reviews.csv", REVIEWS.encode())
    assert dataset["state"] == "ready", dataset["error"]
    house = House(stack, api, sign_in(browser, stack, OWNER), 0)
    tuned = house.start(recipe="text-classification/finetune", params={"epochs": 1, "max_length": 32}, name="tuned", model_name="tuned")
    baseline = house.start(recipe="text-classification/majority", name="baseline", model_name="baseline")
    assert api.wait(f"…/jobs/{baseline['id']}")["state"] == "succeeded"
    ended = api.wait(f"…/jobs/{tuned['id']}")
    assert ended["state"] == "succeeded", ended["error"]
    variant = api.post("…/models/tuned/versions/1/variants", {"variant": "int8"})
    assert api.deploy("baseline", "baseline@1")["state"] == "ready"
    assert api.wait(f"…/jobs/{variant['id']}")["state"] == "succeeded"
    return House(stack, api, house.desk, int(ended["id"]))


@pytest.fixture(scope="session")
def viewer(house: House, browser: Browser) -> Desk:
    """Somebody who came by an invitation and may only look."""
    link = house.api.post("…/invitations", {"email": "viewer@example.org", "role": "viewer"})["url"]
    house.stack.client("viewer@example.org", "viewers-own")
    desk = sign_in(browser, house.stack, "viewer@example.org")
    with desk.page() as (page, _):
        page.goto(link)
        page.locator("main button.primary").click()
        page.wait_for_url(f"**{house.home}")
    return desk
