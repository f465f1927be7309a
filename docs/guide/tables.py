"""Writes the guide's tables from the code: each recipe's section, the limits, the error codes; `check` only says whether they are true.

A table stands between `<!-- table: NAME -->` and `<!-- end of table -->` in a page of either language, under the same name.
"""

import re
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
GUIDE = ROOT / "docs/guide"
sys.path[:0] = [str(ROOT / "platform"), str(ROOT)]

from django.conf import settings  # noqa: E402 (needs the path above)

settings.configure(USE_I18N=False)  # texts as they stand in the code; the other language comes from its catalogue

import translations  # noqa: E402
from controlplane.frame.problems import CODES  # noqa: E402
from controlplane.frame.remedies import GROUPS  # noqa: E402
from controlplane.limits import LIMITS  # noqa: E402

from workers.contract.recipe import Spec, Words  # noqa: E402
from workers.recipes import RECIPES  # noqa: E402

TABLE = re.compile(r"(<!-- table: (\S+) -->\n).*?(<!-- end of table -->\n)", re.S)
GROUP = {
    "general": Words("General", "通用"),
    "training": Words("Training", "训练"),
    "optimiser": Words("Optimiser", "优化器"),
    "regularisation": Words("Regularisation", "正则化"),
    "model": Words("Model", "模型"),
    "data": Words("Data", "数据"),
    "hardware": Words("Hardware", "硬件"),
}
BASES = {
    "none": Words("none: trained from scratch", "不使用：从零训练"),
    "optional": Words("optional: without one it is trained from scratch", "可选：不选则从零训练"),
    "required": Words("required", "必选"),
}
GOALS = {"max": Words(", the highest", "，越高越好"), "min": Words(", the lowest", "，越低越好")}
BOUNDS = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<", "maxLength": "≤"}
CHINESE = translations.read("zh_Hans")


def cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())


def rows(head: tuple[str, ...], lines: Iterable[tuple[str, ...]]) -> str:
    """A Markdown table."""
    out = [f"| {' | '.join(head)} |", f"|{' --- |' * len(head)}"]
    return "\n".join([*out, *(f"| {' | '.join(cell(text) for text in line)} |" for line in lines)]) + "\n"


def value(given: Any) -> str:
    shown = str(given).lower() if isinstance(given, bool) else given
    return f"`{shown}`" if shown not in ("", None) else "–"


def span(field: dict[str, Any]) -> str:
    """What the value may be, from its JSON Schema."""
    if "enum" in field:
        return " ".join(f"`{one}`" for one in field["enum"])
    if field.get("type") == "boolean":
        return "`true` `false`"
    return ", ".join(f"{sign} {field[key]:,}" for key, sign in BOUNDS.items() if key in field) or "–"


def parameters(spec: type[Spec], at: int) -> str:
    """Every parameter of a recipe, in the form's groups."""
    schema = spec.model_json_schema()["properties"]
    head = (("Parameter", "Meaning", "Default", "Values"), ("参数", "含义", "默认值", "取值"))[at]
    out = []
    for group, title in GROUP.items():
        for name, field in schema.items():
            if field["group"] == group:
                said = [field[key][("en", "zh")[at]] for key in ("title_i18n", "help_i18n")]
                unit = f" {field['unit_i18n'][('en', 'zh')[at]]}" if "unit_i18n" in field else ""
                text = f"**{said[0]}** ({title[at]}). {said[1]}" if at == 0 else f"**{said[0]}**（{title[at]}）。{said[1]}"
                out.append((f"`{name}`", text, value(field["default"]) + unit, span(field)))
    return rows(head, out)


def recipe(spec: type[Spec], at: int) -> str:
    """A recipe's facts and its parameters."""

    def say(*both: Any) -> Any:
        return both[at]

    optional, colon, comma, semicolon = say((" (optional)", ": ", ", ", "; "), ("（可选）", "：", "，", "；"))
    roles = spec.columns.items()
    columns = semicolon.join(f"`{role}`{colon}{' / '.join(column.types)}{'' if column.required else optional}" for role, column in roles)
    presets = semicolon.join(
        f"`{name}`{colon}" + (comma.join(f"{key} {given}" for key, given in values.items()) or say("the defaults", "默认值"))
        for name, values in spec.presets.items()
    )
    facts = [
        (say("Recipe", "训练方法"), f"`{spec.recipe}`"),
        (say("Dataset formats", "数据集格式"), " ".join(f"`{kind}`" for kind in spec.formats)),
        (say("Columns by role", "各角色的列类型"), columns),
        (say("Base model", "基座模型"), BASES[spec.base_models][at]),
        (say("Devices", "设备"), " ".join(f"`{kind}`" for kind in spec.devices)),
        (say("“Best” means", "“最佳”的依据"), f"`{spec.main_metric}`{say(*GOALS[spec.main_metric_goal])}"),
        (say("Presets", "预设"), presets),
    ]
    if spec.base_architectures:
        facts.insert(4, (say("Base architectures", "基座结构"), " ".join(f"`{kind}`" for kind in spec.base_architectures)))
    if spec.variants:
        facts.append((say("Variants", "变体"), " ".join(f"`{name}`" for name in spec.variants)))
    return f"{spec.summary[at]}\n\n{rows(say(('Of it', 'Value'), ('项目', '内容')), facts)}\n{parameters(spec, at)}"


def limits(at: int) -> str:
    """Every named limit."""
    head = (("Limit", "Value", "Of what"), ("名称", "值", "对象"))[at]

    def say(words: str) -> str:
        found = CHINESE.get(words)
        return str(found.string) if at and found else words

    return rows(head, [(f"`{name}`", f"{limit.value:,} {say(limit.unit)}", say(limit.about)) for name, limit in LIMITS.items()])


def meaning(name: str, at: int) -> str:
    """What the product says of the code."""
    english = str(CODES[name])
    found = CHINESE.get(english)
    return english if at == 0 else str(found.string if found else "")


def codes(group: str, at: int) -> str:
    head = (("Code", "Meaning", "What to do"), ("错误码", "含义", "解决办法"))[at]
    return rows(head, [(f"`{name}`", meaning(name, at), remedy[at]) for name, remedy in sorted(GROUPS[group].items())])


def table(name: str, at: int) -> str:
    kind, _, of = name.partition(":")
    if kind == "recipe":
        return recipe(RECIPES[of], at)
    return limits(at) if kind == "limits" else codes(of, at)


def missing() -> list[str]:
    """What the pages do not hold though the code has it."""
    known = {name for group in GROUPS.values() for name in group}
    wanted = {f"recipe:{name}" for name in RECIPES} | {"limits"} | {f"codes:{name}" for name in GROUPS}
    out = [f"frame/remedies.py has no remedy for `{name}`" for name in sorted(set(CODES) - known)]
    out += [f"controlplane.frame.problems has no words for `{name}`" for name in sorted(known - set(CODES))]
    for lang in ("en", "zh"):
        there = {found[2] for page in (GUIDE / lang).glob("*.md") for found in TABLE.finditer(page.read_text())}
        out += [f"no page of docs/guide/{lang} has the table `{name}`" for name in sorted(wanted - there)]
    return out


def main(arguments: list[str]) -> int:
    """Write the tables, or check them; status 1 when something is not true."""
    faults = missing()
    for at, lang in enumerate(("en", "zh")):
        for page in sorted((GUIDE / lang).glob("*.md")):
            text = page.read_text()
            new = TABLE.sub(lambda found, at=at: f"{found[1]}{table(found[2], at)}{found[3]}", text)  # type: ignore[misc]
            if new != text and arguments == ["check"]:
                faults.append(f"{page.relative_to(ROOT)} has an old table. Write it with: python docs/guide/tables.py")
            elif new != text:
                page.write_text(new)
    print("\n".join(faults), end="\n" if faults else "")
    return int(bool(faults))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
