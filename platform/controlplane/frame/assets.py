"""Addresses of built files, from Vite's manifest: read once, again in debug."""

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
    path = Path(str(settings.DJANGO_VITE["default"]["manifest_path"]))
    return _read(str(path), path.stat().st_mtime) if path.is_file() else {}


def url(source: str) -> str:
    entry = manifest().get(source)
    return f"{settings.STATIC_URL}{entry['file']}" if entry else ""


def font() -> str:
    """The one font file every first view needs."""
    files = manifest().get("core.ts", {}).get("assets", [])
    found = next((file for file in files if "geist-latin-wght" in file), "")
    return f"{settings.STATIC_URL}{found}" if found else ""
