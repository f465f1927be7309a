"""The verbs about people: the only writers of this room."""

import hashlib
import secrets
from datetime import timedelta
from typing import Any

from allauth.account.models import EmailAddress
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction
from django.utils import timezone

from controlplane.accounts.models import SigninCode, User
from controlplane.accounts.signals import person_joined
from controlplane.audit.services import record
from controlplane.errors import Problem
from controlplane.limits import SIGNIN_LINK_SECONDS


def digest(code: str) -> str:
    """What is kept of a code of 256 random bits."""
    return hashlib.sha256(code.encode()).hexdigest()


@transaction.atomic
def create_person(*, email: str, name: str = "", password: str | None = None) -> User:
    """A new person whose address is taken as confirmed: made at the terminal or by an invitation."""
    try:
        validate_email(email)
    except ValidationError as error:
        raise Problem(422, "bad_email", f"{email!r} is not an email address.") from error
    first = not User.objects.exists()
    user = User.objects.create_user(email, password, name=name, is_staff=first)  # who sets it up also runs it
    EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)
    welcome(user=user)
    return user


def welcome(*, user: User) -> None:
    """Everything that follows from a person being new, however they came."""
    record(action="person.join", target=user, request_or_actor=user)
    person_joined.send(sender=User, user=user)


def first_person() -> User | None:
    """Who set this installation up: the earliest person who can still sign in."""
    return User.objects.filter(is_active=True).order_by("pk").first()


@transaction.atomic
def set_operator(*, user: User, operator: bool) -> None:
    """Lets a person look at everything at /admin and drain workers, or no longer."""
    if user.is_staff != operator:
        user.is_staff = operator
        user.save(update_fields=["is_staff"])
        record(action="person.operator" if operator else "person.no_operator", target=user)


def create_signin_code(*, user: User) -> str:
    """A one-time code for `/signin/<code>`, 15 minutes long."""
    code = secrets.token_urlsafe(32)
    expires = timezone.now() + timedelta(seconds=SIGNIN_LINK_SECONDS)
    SigninCode.objects.create(user=user, code_hash=digest(code), expires_at=expires)
    return code


def use_signin_code(*, code: str) -> User | None:
    """The person the code belongs to, once; None when it is unknown, used or too old."""
    now = timezone.now()
    codes = SigninCode.objects.filter(code_hash=digest(code), used_at=None, expires_at__gt=now, user__is_active=True)
    if codes.update(used_at=now) != 1:
        return None
    return SigninCode.objects.select_related("user").get(code_hash=digest(code)).user


def change_settings(*, user: User, **changes: Any) -> User:
    """name, language, theme, timezone, keys; validated by the model's own fields."""
    for field, value in changes.items():
        setattr(user, field, value)
    try:
        user.clean_fields(exclude=["password", "email"])
    except ValidationError as error:
        errors = [{"loc": ["body", field], "msg": " ".join(messages)} for field, messages in error.message_dict.items()]
        raise Problem(422, "invalid", "Some settings cannot be accepted.", errors=errors) from error
    user.save(update_fields=list(changes))
    return user
