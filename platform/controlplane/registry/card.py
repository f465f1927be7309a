"""The model card: what a version is, what it learned from, how good it is and how to call it. Markdown, in the field's words."""

import re
from typing import Any

import orjson
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from controlplane import catalog
from controlplane.frame.called import called
from controlplane.frame.pages import said
from controlplane.registry.example import request_of

BASE = "https://YOUR-SLIPWAY"


def write(
    *, reference: str, task: str, lineage: dict[str, Any], metrics: dict[str, float | None], chat_template: bool, recipe: str, own: str = ""
) -> str:
    """The card of one version. own: what the recipe or the brought model says of itself, put below."""
    parts = [
        f"# {reference}",
        _summary(task, recipe),
        _origin(lineage),
        _quality(metrics),
        _usage(task, recipe, lineage, chat_template),
        own.strip(),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _summary(task: str, recipe: str) -> str:
    spec = catalog.recipe(recipe)
    title = f" by *{spec.title.en}*: {spec.summary.en}" if spec else ""
    return f"A model for **{task}**{title}"


def _origin(lineage: dict[str, Any]) -> str:
    """Where it comes from, as a table."""
    params = {key: value for key, value in (lineage.get("params") or {}).items() if value is not None}
    rows = {
        "Dataset": lineage.get("dataset"),
        "Columns": ", ".join(f"{role} = {column}" for role, column in (lineage.get("columns") or {}).items()),
        "Base model": lineage.get("base_model") or ("none (from scratch)" if lineage.get("dataset") else None),
        "Source": lineage.get("source"),
        "Job": f"#{lineage['job']}" if lineage.get("job") else None,
        "Step": lineage.get("step"),
        "Recipe": f"{lineage['recipe']}, version {lineage['recipe_version']}" if lineage.get("recipe_version") else None,
        "Seed": lineage.get("seed"),
        "Parameters": ", ".join(f"{key} = {orjson.dumps(value).decode()}" for key, value in sorted(params.items())),
        "Libraries": ", ".join(f"{name} {version}" for name, version in sorted((lineage.get("versions") or {}).items())),
        "Code": lineage.get("code"),
    }
    lines = [f"| {name} | {_cell(value)} |" for name, value in rows.items() if value not in (None, "")]
    return "\n".join(["## Origin", "", "| | |", "| --- | --- |", *lines]) if lines else ""


def _quality(metrics: dict[str, float | None]) -> str:
    """Held-out results first."""
    shown = [key for key in sorted(metrics) if key.startswith("test/")] or [key for key in sorted(metrics) if key.startswith("eval/")]
    if not shown:
        return ""
    lines = [f"| `{key}` | {_figure(metrics[key])} |" for key in shown]
    return "\n".join(["## Results", "", "| metric | value |", "| --- | ---: |", *lines])


def _usage(task: str, recipe: str, lineage: dict[str, Any], chat_template: bool) -> str:
    """How to call it once it is deployed."""
    spec = catalog.recipe(recipe)
    if spec is None:
        return ""
    url = f"{BASE}/v1/endpoints/WORKSPACE/ENDPOINT"
    body = orjson.dumps(request_of(recipe, lineage)).decode().replace("'", "'\\''")
    curl = f"curl {url} \\\n  -H 'Authorization: Bearer slw_…' -H 'Content-Type: application/json' \\\n  -d '{body[:2000]}'"
    text = f"## How to call it\n\nDeploy this version, then:\n\n```bash\n{curl}\n```"
    if task != "text-generation":
        return text
    text += (
        f'\n\n```python\nfrom openai import OpenAI\n\nclient = OpenAI(base_url="{BASE}/v1", api_key="slw_…")\n'
        'client.completions.create(model="WORKSPACE/ENDPOINT", prompt="…", max_tokens=64)\n```\n\n'
    )
    if chat_template:
        return text + "Chat: messages are put together by the model's own chat template."
    return text + "Chat: this model has no chat template, so the contents of the messages are joined by newlines."


def _cell(value: Any) -> str:
    return str(value).replace("|", "\\|").replace("\n", " ")[:1000]


def _figure(value: float | None) -> str:
    return "–" if value is None else f"{value:.4f}"


def for_reader(text: str, task: str, recipe: str) -> str:
    """The generated card as its page shows it: what is fixed in it in the reader's language. The file README.md stays English."""
    if (get_language() or "en").startswith("en"):
        return text
    spec = catalog.recipe(recipe)
    heads = {"Origin": _("Origin"), "Results": _("Results"), "How to call it": _("How to call it")}
    names = {"Dataset": _("Dataset"), "Columns": _("Columns"), "Base model": _("Base model"), "Source": _("Source"), "Job": _("Job")}
    names |= {"Step": _("Step"), "Recipe": _("Recipe"), "Seed": _("Seed"), "Parameters": _("Parameters"), "Libraries": _("Libraries")}
    names |= {"Code": _("Code version"), "metric": _("Metric")}
    for old, new in heads.items():
        text = text.replace(f"\n## {old}\n", f"\n## {new}\n", 1)
    for old, new in names.items():
        text = text.replace(f"\n| {old} |", f"\n| {new} |", 1)
    sayings = {"| value |": f"| {_('Value')} |", "| none (from scratch) |": f"| {_('none, from scratch')} |"}
    sayings["\nDeploy this version, then:\n"] = "\n" + _("Deploy this version, then:") + "\n"
    for old, new in sayings.items():
        text = text.replace(old, new, 1)
    what = f"**{called(task)}**"
    if spec:
        words = {"task": what, "recipe": said(spec.title), "summary": said(spec.summary)}
        what = _("%(task)s by %(recipe)s: %(summary)s") % words
    return re.sub(r"\nA model for \*\*.*\n", lambda _found: f"\n{what}\n", text, count=1)
