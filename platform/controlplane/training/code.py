"""The New job form's request as curl, Python and JSON, to be copied."""

import json
from typing import Any


def code(base: str, ws: str, body: dict[str, Any]) -> list[tuple[str, str]]:
    """[(language, text)]"""
    text = json.dumps(body, ensure_ascii=False, indent=2)
    url = f"{base}/api/v1/workspaces/{ws}/jobs"
    quoted = text.replace("'", "'\\''")
    curl = f"curl {url} \\\n  -H \"Authorization: Bearer $SLIPWAY_TOKEN\" \\\n  -H 'Content-Type: application/json' \\\n  -d '{quoted}'"
    python = (
        "import os, requests\n\njob = requests.post(\n"
        f'    "{url}",\n    headers={{"Authorization": f"Bearer {{os.environ[\'SLIPWAY_TOKEN\']}}"}},\n'
        f'    json={literal(body)},\n).json()\nprint(job["id"], job["state"])'
    )
    return [("curl", curl), ("Python", python), ("JSON", text)]


def literal(value: Any) -> str:
    """A JSON value as an indented Python literal."""
    text = json.dumps(value, ensure_ascii=False, indent=4)
    return text.replace(": true", ": True").replace(": false", ": False").replace(": null", ": None").replace("\n", "\n    ")
