"""Addresses of built files, from Vite's manifest: read once, and again after a new build."""

import json
from functools import cache
from pathlib import Path
from typing import Any

from django.conf import settings


@cache
def _read(path: str, changed: float) -> dict[str, Any]:
    entries: dict[str, Any] = json.loads(Path(path).read_text())
    return entries


def manifest() -> dict[str, Any]:
    """{source: {file, css, assets}}; empty before the first build, so that a page still says so in plain HTML."""
    path = Path(settings.VITE_MANIFEST)
    return _read(str(path), path.stat().st_mtime) if path.is_file() else {}


def url(source: str) -> str:
    entry = manifest().get(source)
    return f"{settings.STATIC_URL}{entry['file']}" if entry else ""


def needed(source: str) -> list[str]:
    """The scripts this one runs with: its own, then those it imports at once."""
    entries, left, found = manifest(), [source], list[str]()
    while left:
        entry = entries.get(left.pop(0), {})
        if entry and entry["file"] not in found:
            found.append(entry["file"])
            left += entry.get("imports", [])
    return [f"{settings.STATIC_URL}{file}" for file in found]


def styles(source: str) -> list[str]:
    return [f"{settings.STATIC_URL}{file}" for file in manifest().get(source, {}).get("css", [])]


def font() -> str:
    """The one font file every first view needs."""
    files = manifest().get("core.ts", {}).get("assets", [])
    found = next((file for file in files if "geist-latin-wght" in file), "")
    return f"{settings.STATIC_URL}{found}" if found else ""
