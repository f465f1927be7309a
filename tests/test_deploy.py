"""The containers are the runner's processes: same commands, same requirements, nothing forgotten in either."""

import re

import yaml

from tests.stack import ROOT

COMPOSE = yaml.safe_load((ROOT / "deploy/compose.yaml").read_text())
UP = (ROOT / "platform/up.py").read_text()
CONTROL = (ROOT / "deploy/control.Dockerfile").read_text()
WORKER = (ROOT / "deploy/worker.Dockerfile").read_text()


def test_every_process_of_the_runner_is_a_container() -> None:
    names = set(re.findall(r'self\.add\("(\w+)"', UP)) - {"demo"}
    assert names <= set(COMPOSE["services"])


def test_the_images_keep_the_planes_apart() -> None:
    assert "workers/requirements.txt" not in CONTROL
    assert "platform" not in WORKER.split("FROM", 1)[1]
    assert "torch" not in (ROOT / "platform/requirements.txt").read_text().replace("No torch", "")


def test_no_container_of_ours_runs_as_root_or_writes_its_image() -> None:
    assert all(re.search(r"^USER slipway$", text, re.MULTILINE) for text in (CONTROL, WORKER))
    for name in ("migrate", "web", "control", "tasks", "zygote", "celery"):
        service = COMPOSE["services"][name]
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]


def test_every_variable_of_compose_stands_in_the_example() -> None:
    used = set(re.findall(r"(?<!\$)\$\{(\w+)", (ROOT / "deploy/compose.yaml").read_text()))
    given = set(re.findall(r"^(\w+)=", (ROOT / "deploy/env.example").read_text(), re.MULTILINE))
    assert used - given == {"SLIPWAY_VERSION"}
    assert given <= used


def test_only_the_web_is_published_and_on_loopback() -> None:
    published = {name: service["ports"] for name, service in COMPOSE["services"].items() if "ports" in service}
    assert list(published) == ["web"]
    assert all(port.startswith("${BIND:-127.0.0.1}:") for port in published["web"])


def test_secrets_must_be_given() -> None:
    text = (ROOT / "deploy/compose.yaml").read_text()
    for name in ("POSTGRES_PASSWORD", "REDIS_PASSWORD", "SLIPWAY_JOIN_TOKEN"):
        assert all(used.startswith(f"{name}:?") for used in re.findall(rf"(?<!\$)\$\{{({name}[^}}]*)\}}", text))
