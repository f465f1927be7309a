"""What the New job page says: checks that pass or fail, their remedies, presets, kinds of data, spans of time."""

from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext, pgettext_lazy

PRESETS: dict[str, tuple[Any, Any]] = {
    "quick": (gettext_lazy("Quick try"), gettext_lazy("shows that everything works")),
    "balanced": (gettext_lazy("Balanced"), gettext_lazy("good results in fair time")),
    "best": (gettext_lazy("Best"), gettext_lazy("longer training, best result")),
}
DOMAINS: dict[str, tuple[Any, str]] = {
    "text": (pgettext_lazy("kind of data", "Text"), "file-text"),
    "image": (pgettext_lazy("kind of data", "Image"), "image"),
    "audio": (pgettext_lazy("kind of data", "Audio"), "audio-lines"),
    "table": (pgettext_lazy("kind of data", "Table"), "table-2"),
    "series": (pgettext_lazy("kind of data", "Time series"), "chart-line"),
}
PASSED: dict[str, str | Promise] = {
    "columns": gettext_lazy("The columns are chosen"),
    "resources": gettext_lazy("A worker has the device and the memory"),
    "data": gettext_lazy("The data can be learnt from"),
}
FAILED: dict[str, str | Promise] = {
    "params": gettext_lazy("A setting is out of range"),
    "columns": gettext_lazy("The columns do not fit the task"),
    "columns_guessed": gettext_lazy("Several columns would fit; these were chosen"),
    "unknown_recipe": gettext_lazy("There is no such task"),
    "unknown_dataset": gettext_lazy("There is no such dataset"),
    "dataset_not_ready": gettext_lazy("The dataset is not ready yet"),
    "wrong_format": gettext_lazy("This task cannot read this kind of dataset"),
    "base_model_required": gettext_lazy("This task needs a base model"),
    "no_base_model": gettext_lazy("This task takes no base model"),
    "unknown_base_model": gettext_lazy("There is no such base model"),
    "bad_hub_id": gettext_lazy("A hub id reads owner/name"),
    "base_model_not_ready": gettext_lazy("The base model is not ready yet"),
    "wrong_architecture": gettext_lazy("This kind of model cannot be used here"),
    "wrong_device": gettext_lazy("This task does not run on that device"),
    "one_device_only": gettext_lazy("This task trains on one device"),
    "no_such_device": gettext_lazy("No worker has such a device"),
    "will_not_fit": gettext_lazy("It needs more memory than the largest device has"),
    "empty_split": gettext_lazy("A split has no rows"),
    "one_class": gettext_lazy("The label has only one class"),
    "class_too_small": gettext_lazy("A class has too few rows"),
    "no_labels": gettext_lazy("No row has a label"),
    "label_type": gettext_lazy("This column cannot be a label"),
    "invalid_params": gettext_lazy("A setting is out of range"),
}
REMEDIES: dict[str, str | Promise] = {
    "will_not_fit": gettext_lazy("Choose a smaller model or a smaller batch."),
    "leakage": gettext_lazy("Scores on test would look better than they are."),
    "conflicts": gettext_lazy("The model learns both."),
    "like_id": gettext_lazy("A model cannot learn from it. Choose the column that holds the text."),
    "few_steps": gettext_lazy("There are few rows. More epochs let the model see them more often."),
    "empty_split": gettext_lazy("Bring more rows, or give the split a larger share."),
    "one_class": gettext_lazy("Bring rows of at least two classes, or choose another column."),
    "class_too_small": gettext_lazy("Bring more rows of it, join it with another class, or remove it."),
    "no_such_device": gettext_lazy("Choose another device, or add a host that has one."),
}
ZERO: dict[str, str | Promise] = {  # what a setting of 0 stands for
    "max_steps": gettext_lazy("no limit"),
    "learning_rate": gettext_lazy("auto"),
    "image_size": gettext_lazy("auto"),
    "sample_steps": gettext_lazy("auto"),
    "eval_steps": gettext_lazy("every epoch"),
    "early_stopping_patience": gettext_lazy("off"),
    "max_grad_norm": gettext_lazy("off"),
}
WAITS: dict[str, str | Promise] = {
    "no_worker": gettext_lazy("When a worker is online"),
    "waiting_for_device": gettext_lazy("When a device is free"),
    "behind_others": gettext_lazy("After the jobs before it"),
}


def title(check: dict[str, Any]) -> str:
    """A check's sentence; what has none keeps the words it came with."""
    place = (check["places"] or [{}])[0]
    if check["code"] == "leakage":
        rows = int(place["rows"])
        return ngettext("%(n)s row is also in test", "%(n)s rows are also in test", rows) % {"n": f"{rows:,}"}
    if check["code"] == "conflicts":
        rows = int(place["rows"])
        return ngettext("%(n)s input carries two labels", "%(n)s inputs carry two labels", rows) % {"n": f"{rows:,}"}
    if check["code"] == "few_steps":
        steps = int(place["steps"])
        return ngettext("Only %(n)s step: the model may learn little", "Only %(n)s steps: the model may learn little", steps) % {"n": steps}
    if check["code"] == "like_id":
        return _("%(name)s looks like an id: every row has another one") % {"name": place["column"]}
    known = PASSED.get(check["id"]) if check["code"] is None else FAILED.get(check["code"])
    return str(known or check["message"])


def basis(jobs: int) -> str:
    """What an estimate rests on."""
    return ngettext("from %(n)s earlier job", "from %(n)s earlier jobs", jobs) % {"n": jobs} if jobs else _("from a guess")


def span(low: float, high: float) -> str:
    """A range of time in one unit: 20–40 s, 22–30 min, 3.5–5 h."""
    unit, size = next((u, s) for u, s in (("s", 1), ("min", 60), ("h", 3600)) if high < 90 * s or u == "h")
    few, many = (f"{value / size:.1f}".removesuffix(".0") if unit == "h" else str(max(1, round(value / size))) for value in (low, high))
    time = few if few == many else f"{few}–{many}"
    return {"s": _("%(time)s s"), "min": _("%(time)s min"), "h": _("%(time)s h")}[unit] % {"time": time}
