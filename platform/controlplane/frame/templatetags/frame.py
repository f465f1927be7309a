"""Tags of every page: icons, badges, times, figures, the lineage line, words for scripts."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django import template
from django.utils.html import escape, format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe
from django.utils.timezone import localtime
from django.utils.translation import pgettext

from controlplane.frame import assets, figures, samples, slots
from controlplane.frame.called import browser, called, job_name
from controlplane.frame.pages import said
from controlplane.frame.problems import summary as problem_summary
from controlplane.frame.reasons import words as reason_words
from controlplane.frame.remedies import remedy
from controlplane.frame.states import look
from controlplane.frame.words import WORDS, metric

register = template.Library()
register.filter("size", figures.size)
register.filter("figure", figures.figure)
register.filter("duration", figures.duration)
register.filter("setting", figures.setting)
register.filter("listed", figures.listed)
register.filter("minus", figures.minus)
register.filter("reason", reason_words)
register.filter("said", said)
register.filter("sample_title", samples.title)
register.filter("cells", samples.cells)
register.filter("browser", browser)
register.filter("called", called)
register.filter("metric", metric)
register.filter("remedy", remedy)
register.filter("titled", job_name)
register.filter("summary", problem_summary)


@register.simple_tag
def icon(name: str, extra: str = "") -> SafeString:
    """An icon of the sprite; decoration only, the word stands beside it."""
    classes = f"icon {extra}".strip()
    return format_html('<svg class="{}" aria-hidden="true"><use href="{}#{}"></use></svg>', classes, assets.url("icons.svg"), name)


@register.simple_tag
def comma() -> str:
    """Between two facts of one line, in the width of the reader's script."""
    return pgettext("between two facts of one line", ", ")


@register.simple_tag
def built(source: str) -> SafeString:
    """A script of the build and its styles."""
    links = format_html_join("", '<link rel="stylesheet" href="{}">', ((style,) for style in assets.styles(source)))
    return format_html('{}<script type="module" src="{}"></script>', links, assets.url(source))


@register.simple_tag
def built_style(source: str) -> SafeString:
    """Styles of one page alone."""
    return format_html('<link rel="stylesheet" href="{}">', assets.url(source))


@register.simple_tag
def built_ahead(source: str) -> SafeString:
    """Fetches an island's script while the page is still being read."""
    return format_html_join("", '<link rel="modulepreload" href="{}">', ((script,) for script in assets.needed(source)))


@register.simple_tag
def state(thing: Any, kind: str = "", note: str = "") -> SafeString:
    """The badge of a state: icon and word, never colour alone. note: a figure behind the word, such as 62 %."""
    shown = look(thing, kind)
    mark = icon(shown.icon, "spin" if shown.live else "")
    return format_html('<span class="badge {}">{}{}{}</span>', shown.tone, mark, shown.word, f" {note}" if note else "")


@register.simple_tag
def state_word(value: str, kind: str) -> str:
    """The word of a state alone, for filters."""
    return str(look(value, kind).word)


@register.simple_tag
def when(at: datetime | None, form: str = "when") -> SafeString:
    """A time: here in the account's zone, by script in the reader's. form: when | clock | date | seconds | ago."""
    if at is None:
        return mark_safe("–")
    local = localtime(at)
    text = {"clock": f"{local:%H:%M}", "seconds": f"{local:%H:%M:%S}", "date": f"{local:%Y-%m-%d}"}.get(form, f"{local:%Y-%m-%d %H:%M}")
    return format_html('<time datetime="{}" data-form="{}">{}</time>', at.isoformat(), form, text)


@register.simple_tag
def lineage(thread: slots.Thread) -> SafeString:
    """The life cycle as a line: filled = exists, blue = here, hollow = not yet."""
    items = []
    for kind, stop in slots.stops(thread):
        here = kind == thread.here
        text = (
            format_html('<a href="{}"><b>{}</b></a>', stop.url, stop.text) if stop.url and not here else format_html("<b>{}</b>", stop.text)
        )
        mark = mark_safe(' aria-current="step"') if here else "" if stop.url else mark_safe(' class="todo"')
        items.append(format_html("<li{}><small>{}</small>{}</li>", mark, stop.label, text))
    return format_html('<ol class="lineage">{}</ol>', format_html_join("", "{}", ((item,) for item in items)))


@register.simple_tag
def words(island: str) -> SafeString:
    """The words a script says, as a JSON block inside its tag."""
    return json_block({key: str(word) for key, word in WORDS[island].items()})


@register.simple_tag
def json_block(value: Any, attribute: str = "") -> SafeString:
    """Data for a script, as a JSON block inside its tag."""
    text = json.dumps(value, ensure_ascii=False, default=str)
    safe = text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
    return mark_safe(f'<script type="application/json" {escape(attribute)}>{safe}</script>')  # noqa: S308 angle brackets escaped


@register.filter
def initials(name: Any) -> str:
    """Up to two letters for an avatar: ML for Mei Lin, m for mei@…"""
    parts = str(name).split("@")[0].replace(".", " ").replace("-", " ").split()
    return ("".join(part[0] for part in parts[:2]) or "?").upper()


@register.filter
def get(mapping: Mapping[str, Any] | None, key: Any) -> Any:
    """mapping[key], or nothing."""
    return (mapping or {}).get(key, "")


@register.filter
def percent(part: float | None, whole: float | None = 1) -> float:
    """part of whole in percent, 0 to 100."""
    return round(min(100.0, max(0.0, 100 * part / whole)), 2) if part and whole else 0.0


@register.filter
def progressed(progress: dict[str, Any] | None) -> float:
    """How far a job has come, in percent; 0 as long as it has said nothing."""
    step, total = ((progress or {}).get(key) for key in ("step", "total_steps"))
    return percent(step, total) if isinstance(step, int | float) and isinstance(total, int | float) else 0.0
