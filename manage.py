#!/usr/bin/env python3
"""Three lines of path, then Django. Run by a Python without Django it runs itself again in the repository's environment."""

import importlib.util
import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent
sys.path[:0] = [str(ROOT / "platform"), str(ROOT)]
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "controlplane.settings")


def main() -> None:
    """Run one Django command."""
    if importlib.util.find_spec("django") is None:
        python = ROOT / ".venv/bin/python"
        if not python.exists() or os.environ.get("SLIPWAY_REEXEC"):
            sys.exit("Django is not installed here. Run: make install")
        os.environ["SLIPWAY_REEXEC"] = "1"
        os.execv(python, [str(python), *sys.argv])  # noqa: S606 (our own interpreter)
    from django.core.management import execute_from_command_line

    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
