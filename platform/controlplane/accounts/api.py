"""REST of the person who calls. What they may see of teams is told by the rooms above through `tell`."""

from ninja import Schema
from pydantic import Field

from controlplane.accounts.models import User


class PersonIn(Schema):
    """Any of them; what is left out stays."""

    model_config = {"extra": "forbid"}
    name: str | None = Field(None, max_length=100)
    language: str | None = None
    theme: str | None = None
    timezone: str | None = Field(None, max_length=64)
    keys: bool | None = None


def show_person(user: User) -> dict[str, str | bool]:
    return {
        "id": str(user.pk),
        "email": user.email,
        "name": user.name,
        "language": user.language,
        "theme": user.theme,
        "timezone": user.timezone,
        "keys": user.keys,
    }
