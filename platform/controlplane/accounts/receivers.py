"""Signing in and out, and every change of how one signs in, goes to the audit log."""

from typing import Any

from allauth.account import signals as account
from allauth.mfa import signals as mfa
from allauth.usersessions.models import UserSession
from django.contrib.auth.signals import user_logged_in, user_logged_out, user_login_failed
from django.dispatch import receiver
from django.http import HttpRequest

from controlplane.accounts.models import User
from controlplane.audit.services import record


@receiver(user_logged_in)
def signed_in(user: User, request: HttpRequest | None = None, **_kwargs: Any) -> None:
    """By whatever door; the package lists only the sessions of its own."""
    if request is not None and hasattr(request, "user"):
        UserSession.objects.create_from_request(request)
    record(action="person.sign_in", target=("user", user.email), request_or_actor=user)


@receiver(user_logged_out)
def signed_out(user: User | None, **_kwargs: Any) -> None:
    if user is not None:
        record(action="person.sign_out", target=("user", user.email), request_or_actor=user)


@receiver(user_login_failed)
def not_signed_in(credentials: dict[str, Any], **_kwargs: Any) -> None:
    """Only for addresses that are somebody's: what strangers type is no news and may be a password."""
    known = User.objects.filter(email=str(credentials.get("email") or credentials.get("login") or "").lower()).first()
    if known is not None:
        record(action="person.sign_in_failed", target=("user", known.email))


def changes(action: str) -> Any:
    def write(user: User, **kwargs: Any) -> None:
        kind = getattr(kwargs.get("authenticator"), "type", "")
        record(action=action, target=("user", user.email), request_or_actor=user, data={"kind": str(kind)} if kind else None)

    return write


CHANGES = (
    (account.password_set, "person.password_set"),
    (account.password_changed, "person.password_change"),
    (account.password_reset, "person.password_reset"),
    (account.email_added, "person.email_add"),
    (account.email_removed, "person.email_remove"),
    (account.email_changed, "person.email_change"),
    (mfa.authenticator_added, "person.mfa_add"),
    (mfa.authenticator_removed, "person.mfa_remove"),
    (mfa.authenticator_reset, "person.mfa_reset"),
    (mfa.authentication_failed, "person.mfa_failed"),
)
for signal, action in CHANGES:
    signal.connect(changes(action), weak=False, dispatch_uid=action)
