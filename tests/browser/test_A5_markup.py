"""A5: whatever people and programs write is shown as text. Twenty-five pieces of markup in every text, and Chromium on every page."""

import base64
import os
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from controlplane.audit.models import AuditEvent
from controlplane.audit.services import record
from controlplane.data.models import Dataset, DatasetVersion, Upload
from controlplane.jobs import store
from controlplane.jobs.models import Attempt, Checkpoint, Job, Sample, Worker
from controlplane.jobs.services import create_job
from controlplane.jobs.transitions import now
from controlplane.registry.models import Evaluation, Model, ModelVersion
from controlplane.serving.models import Endpoint, Revision
from controlplane.workspaces.models import Workspace
from controlplane.workspaces.tokens import create_token
from django.db import transaction
from playwright.sync_api import Browser, Page, sync_playwright

from tests.people import People
from tests.server import Server
from workers.contract.events import Event
from workers.contract.orders import PrepareWork

pytestmark = pytest.mark.browser

CALL = "window.__ran=1;alert(1)"
PAYLOADS = (
    f"<script>{CALL}</script>",
    f"</script><script>{CALL}</script>",
    f"<img src=x onerror='{CALL}'>",
    f"<svg onload='{CALL}'>",
    f'"><img src=x onerror="{CALL}">',
    f"'><svg/onload={CALL}>",
    f"\" autofocus onfocus=\"{CALL}\" x=\"",
    f"' onmouseover='{CALL}' x='",
    f"javascript:{CALL}//",
    f"[click](javascript:{CALL})",
    f"<a href='javascript:{CALL}'>x</a>",
    f"<iframe srcdoc='<script>parent.{CALL}</script>'></iframe>",
    f"<object data='data:text/html,<script>{CALL}</script>'>",
    f"<math><mtext></form><form><mglyph><style></math><img src onerror={CALL}>",
    f"</title><script>{CALL}</script>",
    f"</textarea><script>{CALL}</script>",
    f"--><script>{CALL}</script><!--",
    f"<style>@import 'javascript:{CALL}'</style>",
    "<base href='https://evil.example/'>",
    "<meta http-equiv=refresh content='0;url=https://evil.example/'>",
    f"<form action='javascript:{CALL}'><button autofocus>x</button></form>",
    f"${{{CALL}}}{{{{ 7191|add:7193 }}}}{{% debug %}}",
    "![x](x\"onerror=\"window.__ran=1)",
    f"<details open ontoggle={CALL}>",
    "<input hx-get='/api/v1/me' hx-trigger='load' hx-on::load='window.__ran=1'>",
)  # fmt: skip
ALL = "\n\n".join(PAYLOADS)
FILES = [{"name": payload, "uri": "x", "size": 1, "sha256": "0"} for payload in PAYLOADS]
WATCH = """
window.__found = [];
document.addEventListener('securitypolicyviolation', e => window.__found.push('csp ' + e.violatedDirective + ' ' + e.blockedURI));
"""
LOOK = """() => {
  const found = [...(window.__found || [])];
  const show = e => found.push(e.outerHTML.slice(0, 120));
  const handlers = '[onerror],[onload],[onfocus],[onmouseover],[ontoggle],[srcdoc],iframe,object,embed,base,math';
  if (window.__ran) found.push('a payload ran');
  document.querySelectorAll(handlers).forEach(show);
  for (const e of document.querySelectorAll('a[href],form[action]'))
    if (/^javascript:/i.test(e.getAttribute('href') || e.getAttribute('action'))) show(e);
  for (const e of document.querySelectorAll('script:not([src])')) if (!/json/.test(e.type)) show(e);
  if (document.body.innerText.includes('14384')) found.push('a template was evaluated');
  return found;
}"""


class Poisoned:
    """A workspace in which every text that can be chosen is markup."""

    def __init__(self, people: People) -> None:
        self.person = people.alice
        self.workspace = people.alice.workspace
        Workspace.objects.filter(pk=self.workspace.pk).update(title=PAYLOADS[4])
        people.charlie.user.name = PAYLOADS[2]
        people.charlie.user.save()
        self.data()
        self.jobs()
        self.models()
        for payload in PAYLOADS:
            create_token(user=self.person.user, scopes=("read",), name=payload[:100])
            record(
                action="job.start",
                target=("job", payload[:128]),
                workspace=self.workspace,
                data={"name": payload},
                request_or_actor=self.person.user,
            )
        AuditEvent.objects.update(actor=PAYLOADS[0][:254])
        Worker.objects.create(
            name="host",
            token_hash="0" * 64,
            contract=1,
            devices=[{"id": "cpu", "kind": "cpu", "memory_bytes": 1, "name": ALL}],
            seen_at=now(),
            load={"cpu": [0.5, 0.5, 0.5]},
        )

    def data(self) -> None:
        for number, payload in enumerate(PAYLOADS):
            Dataset.objects.create(workspace=self.workspace, name=f"d{number}", title=payload[:200], created_by=self.person.user)
            Upload.objects.create(id=f"u{number}", workspace=self.workspace, filename=payload, size=9, expires_at=now() + timedelta(days=1))
        dataset = Dataset.objects.get(workspace=self.workspace, name="d0")
        columns = dict.fromkeys(PAYLOADS, "text") | {"label": "category"}
        per_column: dict[str, Any] = {
            name: {"type": kind, "nulls": 0, "distinct": 2, "values": [[payload, 2] for payload in PAYLOADS]}
            for name, kind in columns.items()
        }
        shared: dict[str, Any] = {
            "dataset": dataset, "format": "csv", "sha256": "0" * 64, "columns": list(columns), "features": columns,
            "options": {"encoding": PAYLOADS[0]}, "sources": FILES,
            "splits": {PAYLOADS[3]: 5, "train": 5}, "shards": {"train": []}, "classes": {"label": list(PAYLOADS)},
            "statistics": {"rows": 10, "columns": per_column},
        }  # fmt: skip
        DatasetVersion.objects.create(version=1, state="ready", content_key="a", **shared)
        wrong = {"code": "bad_row", "message": ALL, "hint": ALL, "loc": {"file": PAYLOADS[0], "row": 1, "column": PAYLOADS[1]}}
        DatasetVersion.objects.create(version=2, state="failed", content_key="b", error=wrong, **shared)

    def jobs(self) -> None:
        wrong = {"code": "crashed", "message": ALL, "hint": ALL, "loc": {}}
        for payload in PAYLOADS:
            job = create_job(
                workspace=self.workspace, user=self.person.user, kind="train", name=payload, work=PrepareWork(files=[]),
                recipe="text-classification/majority", dataset="d0@1", request={"dataset": payload, "params": {payload: payload}},
            )  # fmt: skip
        self.job: Job = job
        metrics = {payload: {"last": 1.0, "best": 1.0, "step": 1} for payload in PAYLOADS}
        Job.objects.filter(pk=job.pk).update(
            state="failed",
            error=wrong,
            reason={"code": "x", "message": ALL},
            metrics=metrics,
            model="m0@1",
            started_at=now(),
            finished_at=now(),
        )
        Attempt.objects.create(job=job, number=1, granted_at=now(), error=wrong, state="failed")
        Checkpoint.objects.create(job=job, attempt=1, step=1, files=[], metrics=dict.fromkeys(PAYLOADS, 1.0), created_at=now())
        for kind in ("text", "image", "audio", PAYLOADS[4]):
            Sample.objects.create(
                job=job, step=1, cursor=1, data={"title": ALL, "prompt": ALL, "output": ALL, "kind": kind}, created_at=now()
            )
        lines = [
            Event(seq=n, time=1.7e9, type="log", data={"level": "info", "text": text})
            for n, text in enumerate([*PAYLOADS, *(f"\x1b[31m{p}" for p in PAYLOADS)], 1)
        ]
        values = [Event(seq=100, time=1.7e9, type="metric", data={"step": 1, "values": dict.fromkeys(PAYLOADS, 1.0)})]
        with transaction.atomic():
            store.append(job=job.pk, attempt=1, rank=0, first_seq=1, events=[*lines, *values])

    def models(self) -> None:
        wrong = {"code": "load_failed", "message": ALL, "hint": ALL, "loc": {}}
        for number, payload in enumerate(PAYLOADS):
            Model.objects.create(
                workspace=self.workspace, name=f"m{number}", title=payload[:200], task="text-classification", last_version=1
            )
        model = Model.objects.get(workspace=self.workspace, name="m0")
        lineage = {
            "dataset": PAYLOADS[0],
            "base_model": PAYLOADS[2],
            "job": PAYLOADS[3],
            "params": {payload: payload for payload in PAYLOADS},
            "source": ALL,
        }
        labels = {str(number): payload for number, payload in enumerate(PAYLOADS)}
        report = dict.fromkeys(PAYLOADS, 0.5)
        version = ModelVersion.objects.create(
            model=model, version=1, state="ready", task="text-classification", recipe="text-classification/majority",
            card=f"# {ALL}", lineage=lineage, files=FILES, metrics=report, config={"id2label": labels}, job=self.job,
        )  # fmt: skip
        ModelVersion.objects.create(model=model, version=2, state="failed", task="text-classification", error=wrong)
        Evaluation.objects.create(
            version=version, dataset=PAYLOADS[0], split=PAYLOADS[1][:63], state="ready", metrics=report, report={"classes": list(PAYLOADS)}
        )
        Evaluation.objects.create(version=version, dataset=PAYLOADS[2], state="failed", error=wrong)
        for number, payload in enumerate(PAYLOADS):
            Endpoint.objects.create(
                workspace=self.workspace,
                name=f"e{number}",
                title=payload[:200],
                task="text-classification",
                state="failed",
                error=wrong,
                reason={"code": "x", "message": ALL},
            )
        endpoint = Endpoint.objects.get(workspace=self.workspace, name="e0")
        Revision.objects.create(
            endpoint=endpoint,
            revision=1,
            model_version=version,
            model="m0@1",
            variant=PAYLOADS[4][:63],
            state="failed",
            error=wrong,
            crashes=2,
        )

    def pages(self) -> Iterator[str]:
        """Every page a member can open, and pages that answer with what they were asked."""
        from urllib.parse import quote

        home = f"/w/{self.workspace.slug}"
        yield from (f"{home}{path}" for path in ("", "/members", "/audit", "/datasets", "/datasets/new", "/jobs", "/jobs/new", "/workers"))
        yield from (
            f"{home}{path}"
            for path in ("/models", "/models/new", "/endpoints", "/endpoints/new", "/playground", "/playground/e0", "/endpoints/e0")
        )
        yield from ("/account", "/tokens", "/workspaces/new", "/api/v1/docs")
        yield from (
            f"{home}/datasets/d0{path}"
            for path in ("", "/new", "/2", *(f"/1/{tab}" for tab in ("preview", "statistics", "versions", "source")))
        )
        tabs = ("overview", "logs", "metrics", "samples", "checkpoints", "config", "events")
        yield from (f"{home}/jobs/{self.job.number}/{tab}" for tab in tabs)
        yield from (
            f"{home}/models/m0{path}" for path in ("", "/2", *(f"/1/{tab}" for tab in ("report", "card", "files", "lineage", "versions")))
        )
        asked = quote(PAYLOADS[4])
        yield from (f"{home}{path}?q={asked}" for path in ("/search", "/datasets", "/jobs", "/models", "/endpoints"))
        yield from (
            f"{home}/jobs/new?dataset={asked}",
            f"{home}/jobs?state={asked}",
            f"{home}/{asked}",
            f"/{asked}",
            f"/invitations/{asked}",
            f"/signin/{asked}",
        )
        yield from (f"/accounts/login/?next={asked}", f"{home}/jobs?{asked}=1", f"/accounts/login/?next=javascript:{CALL}")


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "platform"))
    import find

    os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(find.chromium()), args=["--no-sandbox"])
        yield browser
        browser.close()


def look(page: Page, address: str) -> list[str]:
    """What a page did that text does not do."""
    heard: list[str] = []
    page.on("dialog", lambda dialog: (heard.append(f"dialog {dialog.message}"), dialog.dismiss()))
    page.on("console", lambda said: heard.append(f"console {said.text[:200]}") if "Content Security Policy" in said.text else None)
    answer = page.goto(address, wait_until="load")
    if answer and answer.status >= 500:
        return [f"status {answer.status}"]
    page.wait_for_timeout(150)
    assert page.url.split("?")[0].startswith(address.split("/", 3)[0] + "//" + address.split("/", 3)[2]), f"{address} led to {page.url}"
    return heard + list(page.evaluate(LOOK))


def test_A5_markup_is_text_on_every_page(people: People, server: Server, chromium: Browser) -> None:
    poisoned = Poisoned(people)
    cookie = people.alice.in_browser().http.cookies["slipway_session"].value
    context = chromium.new_context()
    context.add_cookies([{"name": "slipway_session", "value": cookie, "url": server.base}])
    context.add_init_script(WATCH)
    context.set_default_timeout(60_000)
    found: dict[str, list[str]] = {}
    for address in poisoned.pages():
        page = context.new_page()
        if wrong := look(page, server.base + address):
            found[address] = wrong
        page.close()
    context.close()
    assert found == {}


def test_A5_the_watch_sees_what_it_is_for(chromium: Browser) -> None:
    """On a page that shows markup as markup, each kind of finding appears."""
    page = chromium.new_page()
    page.add_init_script(WATCH)
    heard: list[str] = []
    page.on("dialog", lambda dialog: (heard.append(dialog.message), dialog.dismiss()))
    shown = f"<meta http-equiv=Content-Security-Policy content=\"img-src 'none'\"><img src=https://evil.example/x.png><p>{ALL}</p>"
    page.goto("data:text/html;base64," + base64.b64encode(shown.encode()).decode())
    page.wait_for_timeout(300)
    seen = page.evaluate(LOOK)
    assert heard
    assert any(entry.startswith("csp ") for entry in seen), seen
    assert "a payload ran" in seen
    assert any("javascript:" in entry for entry in seen)
    page.close()
