"""Whatever the audit log records has a name for people, and an unknown code is shown as it is."""

import re
from pathlib import Path

from controlplane.frame.called import ACTIONS, called
from django.utils import translation

SOURCES = Path(__file__).resolve().parents[3] / "platform/controlplane"
ACTION = re.compile(r'"((?:dataset|endpoint|invitation|job|member|model|person|token|upload|worker|workspace)\.[a-z_]+)"')
NEWS = {
    "job.succeeded",
    "job.failed",
    "job.news",
    "dataset.ready",
    "dataset.failed",
    "endpoint.ready",
    "endpoint.degraded",
    "endpoint.failed",
}
NEWS |= {"invitation.accepted", "member.role"}


def test_every_action_has_a_name() -> None:
    found = {
        action
        for path in SOURCES.rglob("*.py")
        if "record(" in (text := path.read_text()) and path.name != "called.py"
        for action in ACTION.findall(text)
    }
    assert len(found) > 40
    assert found - NEWS - set(ACTIONS) == set()


def test_names_are_in_the_readers_language() -> None:
    with translation.override("zh-hans"):
        assert (called("job.cancel"), called("text-classification"), called("nobody.knows")) == ("停止任务", "文本分类", "nobody.knows")
    with translation.override("en"):
        assert called("job.cancel") == "Job stopped"
