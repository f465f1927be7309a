"""What a workspace can be like, each in a workspace of its own: furnished, with long titles, with nothing, with 10,000 of a kind, failed.

They are made through the API where a user could have made them; what would take hours is written into the database (see written.py).
"""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from playwright.sync_api import Browser

from tests.browser.furnished import OWNER, WORKSPACE, furnish
from tests.stack import Api, Stack

VIEWER, STRANGER = "ana.souza@example.org", ""
SLUG = "a-slug-as-long-as-an-address-takes-it-which-is-63-characters-xy"
TITLES = {
    "word": "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft" * 2,
    "chinese": "客服部门二〇二六年第三季度全部渠道商品评论与售后对话的情感分析数据含人工复核不含已撤回内容以及后续补充采集的样本" * 3,
    "mixed": "Customer reviews of every channel 客服部门全部渠道的商品评论, checked by hand 含人工复核, without withdrawn ones",
    "emoji": "👩🏽‍💻👨‍👩‍👧‍👦🏳️‍🌈 emoji " * 8,
    "arabic": "بيانات تقييمات العملاء من جميع القنوات بعد المراجعة اليدوية (2026) reviews.csv",
}
LABELS = (TITLES["mixed"][:100], TITLES["chinese"][:60])
MAJORITY: dict[str, Any] = {"recipe": "text-classification/majority"}
Fill = Callable[[Browser, Stack, "Condition"], Any]


@dataclass(frozen=True)
class Condition:
    """fill makes it, in the workspace `slug` · email: who looks, empty for a stranger · pages: what no link leads to, … = the workspace ·
    crawl: whether links are followed."""

    slug: str
    fill: Fill
    email: str = OWNER
    pages: str = ""
    crawl: bool = True


def write(verb: str, stack: Stack, *values: Any) -> None:
    """One verb of written.py, in a thread of its own: the browser's event loop runs in this one, and Django refuses to share it."""

    def act() -> None:
        os.environ.update(SLIPWAY_HOME=str(stack.home), DJANGO_SETTINGS_MODULE="controlplane.settings")
        import django

        django.setup()
        getattr(import_module("tests.browser.written"), verb)(*values)

    with ThreadPoolExecutor(1) as thread:
        thread.submit(act).result()


def chain(api: Api, name: str, data: bytes, columns: dict[str, str], file: str = "reviews.csv") -> Any:
    """The whole way with the cheapest recipe: dataset, job, model, measurement, answers, endpoint, all of one name. Returns the job."""
    version = api.dataset(name, file, data, {"header": True, "columns": {columns["label"]: "category"}})
    assert version["state"] == "ready", version["error"]
    done = api.train(**MAJORITY, dataset=name, columns=columns, name=name, model_name=name)
    assert done["state"] == "succeeded", done["error"]
    for what in ("evaluations", "predictions"):
        asked = api.post(f"…/models/{name}/versions/1/{what}", {"dataset": f"{name}@1", "split": "train"})
        api.wait(f"…/jobs/{asked['id']}")
    assert api.deploy(name, f"{name}@1")["state"] == "ready"
    return done


def lines(count: int, label: tuple[str, str] = ("good", "bad"), header: str = "text,label") -> bytes:
    rows = (f'"row number {n} of {count:,}, and some words to be read","{label[n % 2]}"\n' for n in range(count))
    return (header + "\n" + "".join(rows)).encode()


def furnished(browser: Browser, stack: Stack, it: Condition) -> None:
    """As a team would have filled it, with somebody who may only look."""
    api = stack.client(it.email, it.slug)
    furnish(browser, stack, api)
    for what in ("evaluations", "predictions"):
        api.post(f"…/models/sentiment/versions/2/{what}", {"dataset": "reviews@1", "split": "test"})
    api.call("POST", f"/v1/endpoints/{it.slug}/sentiment", {"inputs": [""]})  # refused, so that the log has an error


def long_titles(_: Browser, stack: Stack, it: Condition) -> None:
    """Every name and title as long as it may be, in several scripts."""
    api = stack.client(it.email, it.slug)
    api.call("PATCH", f"/api/v1/workspaces/{it.slug}", {"title": TITLES["mixed"]})
    text, label = TITLES["word"][:120], TITLES["chinese"][:50]
    header = f'"{text}","{label}"'
    job = chain(api, SLUG, lines(400, LABELS, header), {"text": text, "label": label}, file=TITLES["chinese"][:60] + ".csv")
    api.post("…/tokens".replace("…", "/api/v1"), {"name": TITLES["mixed"][:100], "scopes": ["read"]})
    api.post("…/invitations", {"email": f"{'a-very-long-address' * 3}@{'sub.' * 12}example.org", "role": "editor"})
    write("titled", stack, it.slug, TITLES, job["id"])


def nothing(_: Browser, stack: Stack, it: Condition) -> None:
    """A workspace as it is in its first second."""
    stack.client(it.email, it.slug)


def many(_: Browser, stack: Stack, it: Condition) -> None:
    """10,000 of everything that can be that many, one dataset of 10,000 rows and one log of 100,000 lines."""
    api = stack.client(it.email, it.slug)
    chain(api, "reviews", lines(10_000), {"text": "text", "label": "label"})
    write("crowd", stack, it.slug, 10_000)


def failed(_: Browser, stack: Stack, it: Condition) -> None:
    """Data that cannot be read, trainings that end badly, a model that does not load, and rows no page can draw."""
    api = stack.client(it.email, it.slug)
    chain(api, "reviews", lines(400), {"text": "text", "label": "label"})
    broken = api.dataset("broken", "broken.csv", b"a,b,c\n1,2,3\n4,5\n")
    assert broken["state"] == "failed", broken
    body: dict[str, Any] = {"dataset": "reviews", "columns": {"text": "text", "label": "label"}}
    late = {"recipe": "text-classification/finetune", "params": {"epochs": 500}, "resources": {"max_seconds": 2}}
    api.wait(f"…/jobs/{api.post('…/jobs', {'kind': 'train', **body, **late, 'name': 'over its time'})['id']}")
    api.train(**MAJORITY, **body, name="damaged", model_name="damaged")
    write("trouble", stack, it.slug)
    api.post("…/endpoints", {"name": "damaged", "model": "damaged@1"})
    api.wait("…/endpoints/damaged", {"failed", "degraded"}, 120)


def unreadable(_: Browser, stack: Stack, it: Condition) -> None:
    """A row no code of ours writes, so that a page breaks."""
    stack.client(it.email, it.slug)
    write("unreadable", stack, it.slug)


def look_on(_: Browser, stack: Stack, it: Condition) -> None:
    """A workspace of another condition, seen by somebody who may only look, or by a stranger."""
    if it.email:
        write("viewer", stack, it.slug, it.email)


FURNISHED = """
…/datasets/reviews/1?split=test&row=3 …/jobs?q=no-such-job …/jobs?state=succeeded …/search?q=sentiment …/compare?jobs=4,5,6&all=1
…/compare?jobs=5,6&view=parallel …/jobs/6/logs …/jobs/6/metrics …/jobs/6/samples …/jobs/6/checkpoints …/jobs/6/evaluation …/jobs/6/config
…/playground/sentiment?with=1 …/audit?action=dataset. /tokens?new=1 /inbox /account
/account/notifications /accounts/email/ /accounts/2fa/ /accounts/sessions/ /workspaces/new /guide /api/v1/docs
"""
MANY = """
…/jobs/10005 …/jobs/10005/logs …/jobs/10005/metrics …/jobs/10005/samples …/jobs/10005/checkpoints
/inbox …/jobs?q=999 …/jobs?sort=name …/jobs?state=failed …/datasets/reviews/1?row=9000
"""
SIGNED_OUT = "/accounts/login/ /accounts/signup/ /accounts/password/reset/ /invitations/not-a-code /guide/en/calling /nowhere"
CONDITIONS: dict[str, Condition] = {
    "furnished": Condition(WORKSPACE, furnished, pages=FURNISHED),
    "long": Condition(SLUG, long_titles, pages="/inbox /tokens …/search?q=row"),
    "nothing": Condition("new-team", nothing),
    "viewer": Condition(WORKSPACE, look_on, VIEWER, "…/audit …/jobs/new …/datasets/new /tokens"),
    "viewer-nothing": Condition("new-team", look_on, VIEWER),
    "many": Condition("many", many, "many@example.org", MANY),
    "failed": Condition("failed", failed, pages="…/jobs/99999 …/datasets/nobody/1 /w/nobody"),
    "error": Condition("unreadable", unreadable, pages="…/jobs", crawl=False),
    "stranger": Condition("", look_on, STRANGER, SIGNED_OUT, crawl=False),
}
