"""The card somebody wrote in place of the generated one. The files of a version never change: `README.md` is laid over them, and is
always the card as the page shows it."""

import hashlib
from typing import Any

from django.db import transaction
from django.utils import timezone

from controlplane.audit.services import record
from controlplane.registry.models import ModelVersion

README = "README.md"
CARD_MAX = 200_000  # characters


@transaction.atomic
def edit_card(*, version: ModelVersion, user: Any, card: str | None) -> ModelVersion:
    """Put `card` in place of the generated one; None: the generated one again."""
    version.edited_card, version.edited_by, version.edited_at = ("", None, None) if card is None else (card, user, timezone.now())
    version.save(update_fields=["edited_card", "edited_by", "edited_at"])
    action = "model.restore_card" if card is None else "model.edit_card"
    record(action=action, target=("model", str(version)), workspace=version.model.workspace, data={"characters": len(card or version.card)})
    return version


def listed(version: ModelVersion) -> list[dict[str, Any]]:
    """The version's files with the card among them, by name: [{name, size, sha256, uri?}]; the card has no uri."""
    if not version.files:
        return []
    text = version.shown_card.encode()
    card = {"name": README, "size": len(text), "sha256": hashlib.sha256(text).hexdigest()}
    return sorted([card, *(file for file in version.files if file["name"] != README)], key=lambda file: str(file["name"]))
