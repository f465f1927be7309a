"""A14: the libraries that open models are new enough, and a worker host that has older ones does not start."""

from importlib.metadata import version
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from workers import zygote

ROOT = Path(__file__).resolve().parents[2]


def test_A14_the_pinned_versions_are_above_the_floors() -> None:
    pins = dict(line.split("==") for line in (ROOT / "workers/requirements.txt").read_text().splitlines() if "==" in line)
    for name, floor in zygote.FLOORS.items():
        assert zygote.numbers(pins[name]) >= floor, name
        assert zygote.numbers(version(name)) >= floor, name


def test_A14_an_older_library_is_refused_by_name() -> None:
    modules: dict[str, Any] = {"torch": SimpleNamespace(__version__="2.9.1+cpu"), "transformers": SimpleNamespace(__version__="5.23.0")}
    with pytest.raises(SystemExit, match=r"torch 2\.9\.1\+cpu is older than 2\.10"):
        zygote.check_floors(modules)
    zygote.check_floors({"torch": SimpleNamespace(__version__="2.10.0a0+git1"), "transformers": SimpleNamespace(__version__="5.5")})
    zygote.check_floors({})
