"""What a page may weigh on its way to a browser, gzip: the budgets of the front end, checked against the last build."""

import json
from pathlib import Path
from typing import Any

DIST = Path(__file__).resolve().parents[1] / "frontend_templates/assets/dist"
KB = 1024
JOB_PAGE = (
    "core.ts",
    "islands/job-live.ts",
    "islands/metric-charts.ts",
    "islands/log-view.ts",
    "islands/cmd-palette.ts",
    "islands/inbox-bell.ts",
)


def manifest() -> dict[str, Any]:
    built: dict[str, Any] = json.loads((DIST / ".vite/manifest.json").read_text())
    return built


def weight(file: str) -> int:
    return (DIST / f"{file}.gz").stat().st_size


def scripts(*sources: str) -> set[str]:
    """The files these entries need before they run, with everything they import at once."""
    entries, found, left = manifest(), set(), list(sources)
    while left:
        entry = entries[left.pop()]
        if entry["file"] not in found:
            found.add(entry["file"])
            left += entry.get("imports", [])
    return found


def test_the_script_of_every_page_is_at_most_30_kb() -> None:
    assert sum(weight(file) for file in scripts("core.ts")) <= 30 * KB


def test_the_styles_are_at_most_14_kb() -> None:
    assert sum(weight(file) for file in manifest()["core.ts"]["css"]) <= 14 * KB


def test_the_scripts_of_a_job_page_are_at_most_75_kb() -> None:
    assert sum(weight(file) for file in scripts(*JOB_PAGE)) <= 75 * KB


def test_the_fonts_of_a_first_view_are_at_most_60_kb() -> None:
    fonts = [DIST / entry["file"] for source, entry in manifest().items() if source.endswith("latin-wght-normal.woff2")]
    assert len(fonts) == 2
    assert sum(font.stat().st_size for font in fonts) <= 60 * KB
