"""The hubs a model can be fetched from, by the id it has there: Hugging Face, a mirror of it, ModelScope.

Only files that may be part of a model are asked for, right in the repository's folder; what they hold is proved afterwards. A worker
host's `HF_ENDPOINT`, `HF_MIRROR` and `MODELSCOPE_ENDPOINT` name other addresses, such as a mirror inside a closed network.
"""

import hashlib
import json
import os
import re
import ssl
import urllib.error
import urllib.request
from fnmatch import fnmatchcase
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from workers.contract.names import MiB
from workers.contract.orders import Hub
from workers.prepare.problems import excerpt, refuse

BRING = "bring the folder as a ZIP or TAR archive instead"
NAMES: dict[Hub, str] = {"huggingface": "Hugging Face", "mirror": "the mirror of Hugging Face", "modelscope": "ModelScope"}
ADDRESSES: dict[Hub, tuple[str, str]] = {
    "huggingface": ("HF_ENDPOINT", "https://huggingface.co"),
    "mirror": ("HF_MIRROR", "https://hf-mirror.com"),
    "modelscope": ("MODELSCOPE_ENDPOINT", "https://modelscope.cn"),
}
SECONDS = 30.0  # without a byte
FILES_MAX = 1000
_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]{0,95}(/[A-Za-z0-9][\w.-]{0,95})?")
_SAFE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,199}")


def fetch(hub: Hub, hub_id: str, target: Path, patterns: tuple[str, ...]) -> None:
    """The files of a repository that one of `patterns` allows, into `target`. Raises UserError `unknown_model`, `hub_unreachable`."""
    if not _HUB_ID.fullmatch(hub_id):
        refuse("bad_option", f"{excerpt(hub_id)} is no hub id such as google-bert/bert-base-chinese", "correct it")
    if os.environ.get("HF_HUB_OFFLINE", "").upper() in ("1", "ON", "YES", "TRUE"):
        refuse("hub_unreachable", f"{hub_id} cannot be fetched: this platform works without the hub", BRING)
    variable, usual = ADDRESSES[hub]
    address = (os.environ.get(variable) or usual).rstrip("/")
    target.mkdir(parents=True, exist_ok=True)
    (_modelscope if hub == "modelscope" else _huggingface)(address, hub, hub_id, target, patterns)


def _huggingface(address: str, hub: Hub, hub_id: str, target: Path, patterns: tuple[str, ...]) -> None:
    os.environ |= {
        "HF_HOME": str(target.parent),
        "HF_HUB_DISABLE_XET": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    }
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError

    wanted: dict[str, Any] = {"allow_patterns": list(patterns), "ignore_patterns": ["*/*"], "etag_timeout": 10, "max_workers": 2}
    try:
        snapshot_download(hub_id, local_dir=target, endpoint=address, **wanted)
    except HfHubHTTPError as error:
        _unknown(hub, hub_id, str(error))
    except Exception as error:  # the client raises its transport's own errors, which change with its version
        _unreachable(hub, hub_id, error)


def _modelscope(address: str, hub: Hub, hub_id: str, target: Path, patterns: tuple[str, ...]) -> None:
    base = f"{address}/api/v1/models/{quote(hub_id)}/repo"
    try:
        with _opened(f"{base}/files?Revision=master&Recursive=false") as answer:
            listed = json.loads(answer.read(16 * MiB))
        files = listed["Data"]["Files"][:FILES_MAX]
        for file in files:
            name = str(file["Path"])
            if _SAFE_NAME.fullmatch(name) and any(fnmatchcase(name, pattern) for pattern in patterns):
                _save(f"{base}?{urlencode({'Revision': 'master', 'FilePath': name})}", target / name, str(file.get("Sha256") or ""))
    except urllib.error.HTTPError as error:
        if error.code in (401, 403, 404):
            _unknown(hub, hub_id, str(error))
        _unreachable(hub, hub_id, error)
    except (OSError, HTTPException, ValueError, KeyError, TypeError) as error:
        _unreachable(hub, hub_id, error)


def _opened(url: str) -> Any:
    import certifi

    context = ssl.create_default_context(cafile=certifi.where()) if url.startswith("https:") else None
    return urllib.request.urlopen(url, timeout=SECONDS, context=context)  # noqa: S310 (an address the operator gave, or the hub's own)


def _save(url: str, path: Path, sha256: str) -> None:
    """Piece by piece. Raises ValueError when the bytes are not those the list speaks of."""
    digest = hashlib.sha256()
    with _opened(url) as answer, path.open("wb") as file:
        while piece := answer.read(MiB):
            digest.update(piece)
            file.write(piece)
    if sha256 and digest.hexdigest() != sha256.lower():
        raise ValueError(f"{path.name} did not come whole")


def _unknown(hub: Hub, hub_id: str, said: str) -> None:
    refuse("unknown_model", f"{NAMES[hub]} has no model {hub_id} that anybody may read: {excerpt(said)}", BRING)


def _unreachable(hub: Hub, hub_id: str, error: Exception) -> None:
    refuse("hub_unreachable", f"{hub_id} cannot be fetched from {NAMES[hub]}: {type(error).__name__}", BRING)
