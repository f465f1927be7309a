"""What mends a failed check, as buttons of the New job form: each sets one value and draws the form again, or leads to a page."""

from typing import Any, NamedTuple

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from controlplane import catalog
from controlplane.errors import Problem
from controlplane.frame.pages import said
from controlplane.training.columns import map_columns, suggest
from controlplane.training.draft import NONE, Draft, features, fits

SHOWN = 3
MENDED = {"leakage": ("leakage", "drop_leaks"), "conflicts": ("conflicts", "drop_conflicts")}  # doubt → finding of the health, its fix


class Fix(NamedTuple):
    """set: `key=value`, or `key` to take a value back · url: a page instead · on: it is what holds now; None where that says nothing."""

    label: str
    set: str = ""
    url: str = ""
    on: bool | None = None


def fixes(check: dict[str, Any], plan: Draft, ws: str) -> list[Fix]:
    if check["id"] == "columns" and check["ok"]:
        return _choices(plan)
    if check["ok"] and not check["warning"]:
        return []
    if check["id"] == "params":
        return _params(check, plan)
    if check["id"] == "columns":
        return _columns(check, plan) or _other_task(plan)
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
    if check["code"] == "few_steps":
        epochs = int(check["places"][0]["epochs"])
        return [Fix(ngettext("Train %(n)s epoch", "Train %(n)s epochs", epochs) % {"n": epochs}, f"p-epochs={epochs}")]
    if check["code"] == "like_id":
        return _better(plan, str(check["places"][0]["role"]), str(check["places"][0]["column"]))
    if check["code"] in MENDED:
        health, here = plan.version.statistics.get("health") or {}, {"ws": ws, "name": name, "n": number}
        finding, fix = MENDED[check["code"]]
        if not health.get(finding):
            return []  # only so by the chosen columns: no row can be dropped for what others make of it
        mend = f"{reverse('fix-dataset', kwargs=here)}?fix={fix}"
        return [Fix(_("Preview fix"), url=mend), Fix(_("Show"), url=reverse("dataset-tab", kwargs={**here, "tab": "health"}))]
    return [Fix(_("New version"), url=reverse("new-dataset-version", kwargs={"ws": ws, "name": name}))] if check["id"] == "data" else []


def _params(check: dict[str, Any], plan: Draft) -> list[Fix]:
    names = dict.fromkeys(str(place["loc"][2]) for place in check["places"] if len(place.get("loc", [])) > 2)
    reset = [Fix(_("Reset %(name)s") % {"name": setting(plan, name)}, f"p-{name}") for name in list(names)[:SHOWN]]
    return reset + [Fix(_("Go to %(name)s") % {"name": setting(plan, name)}, url=f"#p-{name}") for name in list(names)[:SHOWN]]


def setting(plan: Draft, name: str) -> str:
    """A setting's title for people; its name where the recipe has none."""
    field = plan.spec.model_fields.get(name)
    extra = field.json_schema_extra if field else None
    return said(extra["title_i18n"]) if isinstance(extra, dict) and "title_i18n" in extra else name


def _columns(check: dict[str, Any], plan: Draft) -> list[Fix]:
    """A column for each role that could be several."""
    return [_column(plan, str(place["loc"][-1]), name) for place in check["places"] for name in place.get("candidates", [])[:SHOWN]]


def _choices(plan: Draft) -> list[Fix]:
    """The columns that a role could have, the one in use among them: what was chosen can be taken back."""
    mapping, out = plan.mapping(), []
    for role, names in plan.unsure.items():
        used = mapping.get(role, "")
        taken = [name for other, name in mapping.items() if other != role]
        others = [name for name in names if name != used and name not in taken]
        shown = {*others[:SHOWN], used}
        ordered = [name for name in dict.fromkeys([*names, used]) if name and name in shown]
        out += [_column(plan, role, name, name == used) for name in ordered]
    return out


def _better(plan: Draft, role: str, used: str) -> list[Fix]:
    """What would have been found for a role by itself, where that is another column."""
    if plan.version is None:
        return []
    try:
        chosen = suggest(plan.spec, features(plan.version), plan.version.statistics, {}).columns
        found = map_columns(plan.spec, plan.version.features, chosen).get(role, "")
    except Problem:
        return []
    return [_column(plan, role, found)] if found and found != used else []


def _column(plan: Draft, role: str, name: str, on: bool | None = None) -> Fix:
    title = said(plan.spec.columns[role].title) if role in plan.spec.columns else role
    return Fix(_("Use %(name)s as %(role)s") % {"role": title, "name": name[:40]}, f"c-{role}={name}", on=on)


def _other_task(plan: Draft) -> list[Fix]:
    """The first task that reads this dataset."""
    for spec in catalog.recipes().values():
        if plan.version and spec is not plan.spec and spec.method() != "majority" and fits(spec, plan.version):
            return [Fix(said(spec.title), f"recipe={spec.recipe}")]
    return []
