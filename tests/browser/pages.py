"""A browser as a person sits before it: signed in, in one language and theme, with an ear for everything a page must not do."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import Browser, BrowserContext, Dialog, Page, Response

WIDE, NARROW = (1440, 900), (360, 780)
LANGUAGES = {"en": "en", "zh": "zh-hans"}
REPORTED = (
    "document.addEventListener('securitypolicyviolation', e => console.error('CSP report: ' + e.violatedDirective + ' ' + e.blockedURI))"
)


@dataclass
class Ear:
    """What pages of one context did that they must not: said on the console, threw, asked of strangers, answered with an error."""

    base: str
    heard: list[str] = field(default_factory=list)
    allowed: set[int] = field(default_factory=set)  # statuses of answers that the test asks for

    def on(self, context: BrowserContext) -> None:
        context.on("console", lambda said: self.note("console", said.text) if said.type in ("error", "warning") else None)
        context.on("weberror", lambda thrown: self.note("thrown", str(thrown.error)))
        context.on("request", lambda request: self.foreign(request.url))
        context.on("response", self.answered)
        context.on("dialog", self.dialog)

    def note(self, kind: str, text: str) -> None:
        status = re.search(r"status of (\d{3})", text)
        if not (status and int(status[1]) in self.allowed):
            self.heard.append(f"{kind}: {text}")

    def foreign(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("data", "blob") and parts.netloc != urlsplit(self.base).netloc:
            self.heard.append(f"request to another origin: {url}")

    def answered(self, response: Response) -> None:
        if response.status >= 400 and response.status not in self.allowed:
            self.heard.append(f"{response.status} {response.request.method} {response.url}")

    def dialog(self, dialog: Dialog) -> None:
        """Leaving a page in the middle of an upload asks; any other native dialog is none of ours."""
        if dialog.type != "beforeunload":
            self.heard.append(f"dialog: {dialog.message}")
        dialog.accept()


class Desk:
    """Opens pages of one installation for one person. storage: the cookies of somebody who is signed in; None for a stranger."""

    def __init__(self, browser: Browser, base: str, storage: Any = None) -> None:
        self.browser, self.base, self.storage = browser, base, storage

    @contextmanager
    def page(
        self, lang: str = "en", theme: str = "light", size: tuple[int, int] = WIDE, *, quiet: bool = True, **options: Any
    ) -> "Iterator[tuple[Page, Ear]]":
        """A page and its ear. quiet: the test fails at the end if anything was heard. options: of `Browser.new_context`."""
        viewport = {"width": size[0], "height": size[1]}
        context = self.browser.new_context(viewport=viewport, storage_state=self.storage, locale="en-US", base_url=self.base, **options)
        context.add_cookies(
            [
                {"name": "django_language", "value": LANGUAGES[lang], "url": self.base},
                {"name": "theme", "value": theme, "url": self.base},
            ]
        )
        context.add_init_script(REPORTED)
        context.set_default_timeout(60_000)  # a machine under load is slow, not wrong
        ear = Ear(self.base)
        ear.on(context)
        try:
            yield context.new_page(), ear
        finally:
            context.close()
        if quiet:
            assert ear.heard == [], ear.heard
