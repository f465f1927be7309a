"""Where one machine keeps its state: the home folder, its secrets, its short runtime folder. Standard library only.

Everything durable lies under `SLIPWAY_HOME` (default `./.slipway` beside this repository); unix sockets lie in a
runtime folder of their own, because a socket's path may not exceed 108 bytes.
"""

import hashlib
import os
import secrets as random_secrets
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def slipway_home() -> Path:
    """The folder of all state, made 0700 when absent."""
    home = Path(os.environ.get("SLIPWAY_HOME") or ROOT / ".slipway").absolute()
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    return home


def runtime_dir() -> Path:
    """A short private folder for sockets and pid files, one for each home and user, outside the home."""
    digest = hashlib.sha256(str(slipway_home()).encode()).hexdigest()[:10]
    folder = Path(tempfile.gettempdir()) / f"slipway-{os.getuid()}-{digest}"
    folder.mkdir(mode=0o700, exist_ok=True)
    if folder.is_symlink() or folder.stat().st_uid != os.getuid():
        raise PermissionError(f"{folder} belongs to somebody else; remove it and start again")
    return folder


def secret(name: str) -> str:
    """The secret `name`, made at first use: 256 random bits in a file only this user can read.

    An environment variable `SLIPWAY_<NAME>` overrides the file, for hosts that share one.
    """
    given = os.environ.get(f"SLIPWAY_{name.upper()}")
    if given:
        return given
    path = slipway_home() / "secrets" / name
    path.parent.mkdir(mode=0o700, exist_ok=True)
    if not path.exists():
        # Written aside and linked: several processes may make it at once, and none may read half of it.
        aside = path.with_name(f".{name}.{os.getpid()}.{random_secrets.token_hex(4)}")
        with open(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600), "w") as file:
            file.write(random_secrets.token_urlsafe(32))
        try:
            os.link(aside, path)
        except FileExistsError:
            pass
        finally:
            aside.unlink()
    return path.read_text().strip()


def redis_url() -> str:
    """The Redis-protocol server: `REDIS_URL`, else the embedded one on this machine's unix socket."""
    return os.environ.get("REDIS_URL") or f"unix://:{secret('redis_password')}@{runtime_dir()}/redis.sock"


def door_url() -> str:
    """The control plane's address as worker hosts see it."""
    return os.environ.get("SLIPWAY_DOOR") or f"http://127.0.0.1:{os.environ.get('PORT', '8000')}"


def worker_name() -> str:
    """The name under which this host joins; its Celery queue is `worker.<name>`."""
    return os.environ.get("SLIPWAY_WORKER") or os.uname().nodename.split(".")[0].lower() or "worker"
