"""API tokens: made once, shown once, found by their hash, ended with their user's membership."""

import hashlib
import secrets
import time
from collections.abc import Iterable
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from controlplane.accounts.models import User
from controlplane.audit.services import record
from controlplane.errors import Problem, nearest
from controlplane.limits import limit
from controlplane.names import check_title
from controlplane.workspaces import revocation
from controlplane.workspaces.models import ApiToken, Membership, Scope, Workspace

PREFIX = "slw_"
SHOWN = 12  # characters people see afterwards, so that they can tell their keys apart
USED_EVERY = 300.0  # seconds between two notes of `last_used_at`
_noted: dict[str, float] = {}


def token_hash(text: str) -> str:
    """What is kept of a key of 256 random bits."""
    return hashlib.sha256(text.encode()).hexdigest()


@transaction.atomic
def create_token(
    *,
    user: User,
    scopes: Iterable[str],
    workspace: Workspace | None = None,
    name: str = "",
    expires_at: datetime | None = None,
    hidden: bool = False,
) -> tuple[ApiToken, str]:
    """A new token and its text, which cannot be had again. hidden: made by a page for itself, neither listed nor counted."""
    asked = set(scopes)
    if strange := sorted(asked - set(Scope)):
        raise _bad("scopes", f"`{strange[0]}` is no scope.", nearest(strange[0], list(Scope)))
    chosen = [scope.value for scope in Scope if scope in asked]
    if expires_at and expires_at <= timezone.now():
        raise _bad("expires_at", "`expires_at` lies in the past.")
    if not hidden and ApiToken.objects.filter(user=user, revoked_at=None, hidden=False).count() >= limit("tokens_per_user"):
        raise Problem(409, "limit_exceeded", f"You have {limit('tokens_per_user')} tokens already.", "Revoke one you no longer use.")
    text = PREFIX + secrets.token_urlsafe(32)
    token = ApiToken.objects.create(
        id=secrets.token_hex(8),
        user=user,
        workspace=workspace,
        name=check_title(name, field="name"),
        prefix=text[:SHOWN],
        token_hash=token_hash(text),
        scopes=chosen,
        expires_at=expires_at,
        hidden=hidden,
    )
    if not hidden:
        record(action="token.create", target=("token", token.prefix), workspace=workspace, data={"scopes": chosen})
    return token, text


def _bad(field: str, message: str, hint: str = "") -> Problem:
    return Problem(422, "invalid", message, hint, errors=[{"loc": ["body", field], "msg": message}])


def playground_token(*, user: User, workspace: Workspace) -> str:
    """A key for ten minutes of predicting from a page, so that the gateway never reads sessions."""
    expires = timezone.now() + timedelta(minutes=10)
    ApiToken.objects.filter(user=user, hidden=True, expires_at__lt=timezone.now()).delete()
    return create_token(user=user, scopes=[Scope.PREDICT], workspace=workspace, name="playground", expires_at=expires, hidden=True)[1]


@transaction.atomic
def revoke_token(*, token: ApiToken) -> None:
    """Ends it everywhere: in the database now, in other processes' memories at once, on open sockets within seconds."""
    if ApiToken.objects.filter(pk=token.pk, revoked_at=None).update(revoked_at=timezone.now()) == 1:
        record(action="token.revoke", target=("token", token.prefix), workspace=token.workspace_id)
        transaction.on_commit(lambda: revocation.announce(tokens=[token.token_hash], user=token.user_id))


def end_membership_tokens(*, membership: Membership) -> None:
    """Tokens made for one workspace end with the membership; others lose that workspace by themselves."""
    tokens = ApiToken.objects.filter(user_id=membership.user_id, workspace_id=membership.workspace_id, revoked_at=None)
    hashes = list(tokens.values_list("token_hash", flat=True))
    tokens.update(revoked_at=timezone.now())
    user, workspace = membership.user_id, membership.workspace_id
    transaction.on_commit(lambda: revocation.announce(tokens=hashes, user=user, workspace=workspace))


def find_token(text: str) -> ApiToken:
    """The living token with this text, its user and workspace loaded. Problem 401 with the reason otherwise.

    Sync; reads the database once and notes the use at most every few minutes.
    """
    found = ApiToken.objects.select_related("user", "workspace").filter(token_hash=token_hash(text)).first()
    if found is None or not found.user.is_active:
        raise unauthenticated("token_invalid", "This API token is not known.")
    if found.revoked_at:
        raise unauthenticated("token_revoked", "This API token was revoked.")
    if found.expires_at and found.expires_at <= timezone.now():
        raise unauthenticated("token_expired", f"This API token expired on {found.expires_at:%Y-%m-%d %H:%M} UTC.")
    _note_use(found)
    return found


def _note_use(token: ApiToken) -> None:
    now = time.monotonic()
    if now - _noted.get(token.id, -USED_EVERY) < USED_EVERY:
        return
    if len(_noted) > 10_000:
        _noted.clear()
    _noted[token.id] = now
    recently = timezone.now() - timedelta(seconds=USED_EVERY)
    ApiToken.objects.filter(Q(last_used_at=None) | Q(last_used_at__lt=recently), pk=token.pk).update(last_used_at=timezone.now())


def mark_exposed(text: str) -> None:
    """A key that was sent in an address stands in logs of others: it is marked for rotation."""
    if ApiToken.objects.filter(token_hash=token_hash(text), exposed_at=None).update(exposed_at=timezone.now()):
        record(action="token.exposed", target=("token", text[:SHOWN]))


def unauthenticated(
    code: str = "unauthenticated", detail: str = "Sign in, or send an API token as `Authorization: Bearer slw_…`."
) -> Problem:
    hint = "Create a token under API tokens, or with `python manage.py createtoken EMAIL`."
    return Problem(401, code, detail, hint, headers={"WWW-Authenticate": 'Bearer realm="slipway"'})
