"""What kind of data a version holds, told from its format and its columns."""

from collections.abc import Mapping

from django.utils.functional import Promise
from django.utils.translation import pgettext_lazy

KINDS: dict[str, tuple[str | Promise, str]] = {  # name → word, icon
    "text": (pgettext_lazy("kind of dataset", "Text"), "file-text"),
    "chat": (pgettext_lazy("kind of dataset", "Chat"), "messages-square"),
    "image": (pgettext_lazy("kind of dataset", "Images"), "image"),
    "audio": (pgettext_lazy("kind of dataset", "Audio"), "audio-lines"),
    "table": (pgettext_lazy("kind of dataset", "Table"), "table-2"),
}
TURNS = frozenset("messages conversations conversation dialog dialogue turns 对话 消息".split())


def kind_of(features: Mapping[str, str]) -> str:
    """A key of KINDS. features: column → type."""
    types = set(features.values())
    if types & {"image", "audio"}:
        return "image" if "image" in types else "audio"
    if any(type == "list" and name.lower() in TURNS for name, type in features.items()):
        return "chat"
    return "text" if "text" in types else "table"
