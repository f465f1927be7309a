"""What mends a failed check, as buttons of the New job form: each sets one value and draws the form again, or leads to a page."""

from typing import Any, NamedTuple

from django.urls import reverse
from django.utils.translation import gettext as _

from controlplane import catalog
from controlplane.frame.pages import said
from controlplane.training.draft import NONE, Draft, fits

SHOWN = 3


class Fix(NamedTuple):
    """set: `key=value`, or `key` to take a value back · url: a page instead."""

    label: str
    set: str = ""
    url: str = ""


def fixes(check: dict[str, Any], plan: Draft, ws: str) -> list[Fix]:
    if check["ok"] and not check["warning"]:
        return []
    if check["id"] == "params":
        return _params(check)
    if check["id"] == "columns":
        return _guesses(plan) if check["ok"] else _columns(check, plan) or _other_task(plan)
    if check["code"] == "wrong_format":
        return _other_task(plan)
    if check["id"] == "base_model":
        if plan.spec.base_models != "required":
            return [Fix(_("Train from scratch"), f"base_model={NONE}")]
        return [Fix(_("Use %(name)s") % {"name": said(base["title"])}, f"base_model={base['value']}") for base in plan.bases[:1]]
    if check["code"] in ("no_such_device", "wrong_device"):
        return [Fix(_("Use the CPU"), "device=cpu")] if "cpu" in plan.spec.devices and plan.device != "cpu" else []
    if plan.version is None:
        return []
    name, number = plan.version.dataset.name, plan.version.version
    if check["code"] == "leakage":
        here = {"ws": ws, "name": name, "n": number}
        mend = f"{reverse('fix-dataset', kwargs=here)}?fix=drop_leaks"
        return [Fix(_("Preview fix"), url=mend), Fix(_("Show"), url=reverse("dataset-tab", kwargs={**here, "tab": "health"}))]
    return [Fix(_("New version"), url=reverse("new-dataset-version", kwargs={"ws": ws, "name": name}))] if check["id"] == "data" else []


def _params(check: dict[str, Any]) -> list[Fix]:
    names = dict.fromkeys(str(place["loc"][2]) for place in check["places"] if len(place.get("loc", [])) > 2)
    return [Fix(_("Reset %(name)s") % {"name": name}, f"p-{name}") for name in list(names)[:SHOWN]]


def _columns(check: dict[str, Any], plan: Draft) -> list[Fix]:
    """A column for each role that could be several."""
    return [_column(plan, str(place["loc"][-1]), name) for place in check["places"] for name in place.get("candidates", [])[:SHOWN]]


def _guesses(plan: Draft) -> list[Fix]:
    """The other columns a guessed role could have."""
    features = plan.version.features if plan.version else {}
    taken = plan.mapping().values()
    out = []
    for role, chosen in plan.guessed.items():
        others = [name for name, kind in features.items() if kind == features[chosen] and name not in taken]
        out += [_column(plan, role, name) for name in others[:SHOWN]]
    return out


def _column(plan: Draft, role: str, name: str) -> Fix:
    title = said(plan.spec.columns[role].title) if role in plan.spec.columns else role
    return Fix(_("%(role)s: %(name)s") % {"role": title, "name": name}, f"c-{role}={name}")


def _other_task(plan: Draft) -> list[Fix]:
    """The first task that reads this dataset."""
    for spec in catalog.recipes().values():
        if plan.version and spec is not plan.spec and spec.method() != "majority" and fits(spec, plan.version):
            return [Fix(said(spec.title), f"recipe={spec.recipe}")]
    return []
