"""`{% guide_page as address %}`: where the user guide explains the page that is shown, empty where it does not."""

from typing import Any

from django import template

register = template.Library()
# The names of the pages' routes begin with these; the longest that fits counts.
PAGES = {
    "home": "quick-start",
    "search": "quick-start",
    "dataset": "datasets",
    "new-dataset": "datasets",
    "fix-dataset": "datasets",
    "job": "watching",
    "jobs": "training",
    "new-job": "training",
    "resume-job": "watching",
    "retry-job": "watching",
    "register-checkpoint": "watching",
    "compare": "watching",
    "model": "models",
    "evaluations": "models",
    "new-evaluation": "models",
    "evaluate-model": "models",
    "predict-with-model": "models",
    "optimise-model": "models",
    "edit-card": "models",
    "new-model": "base-models",
    "endpoint": "deploying",
    "new-endpoint": "deploying",
    "playground": "playground",
    "workers": "operating",
    "limits": "operating",
    "member": "teams",
    "invit": "teams",
    "new-workspace": "teams",
    "mfa": "teams",
    "usersessions": "teams",
    "tokens": "teams",
    "account": "teams",
    "audit": "teams",
    "inbox": "teams",
}


@register.simple_tag(takes_context=True)
def guide_page(context: Any) -> str:
    match = getattr(context.get("request"), "resolver_match", None)
    name = str(getattr(match, "url_name", "") or "")
    fitting = max((route for route in PAGES if name.startswith(route)), key=len, default="")
    return f"/guide/{PAGES[fitting]}" if fitting else ""
