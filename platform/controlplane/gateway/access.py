"""Who may call: an API token, seen once in the database and then remembered (see cache.py); revocation is pushed."""

import hashlib
import re
from dataclasses import dataclass
from datetime import timedelta

from django.utils import timezone

from controlplane.errors import Problem
from controlplane.gateway.wire import Request
from controlplane.workspaces.models import ApiToken, Membership
from controlplane.workspaces.tokens import PREFIX, USED_EVERY, unauthenticated

_SECRET_IN_URL = re.compile(rb"(?:^|&)(?:token|access_token|api_key)=|slw_[A-Za-z0-9_-]{8}", re.IGNORECASE)
_TOKEN_IN_URL = re.compile(rb"slw_[A-Za-z0-9_-]{8,200}")
_WHY = {"invalid": "This API token is not known.", "revoked": "This API token was revoked.", "expired": "This API token has expired."}
HEADER_MAX = 512


@dataclass(frozen=True, slots=True)
class Access:
    """What a token allows. token: its SHA-256 · roles: workspace slug -> role · expires: Unix seconds, 0 = never · refusal: invalid,
    revoked, expired or empty."""

    token: str
    user: int
    scopes: frozenset[str]
    roles: dict[str, str]
    expires: float = 0.0
    refusal: str = ""


def access_of(token_hash: str) -> Access:
    """What the token with this SHA-256 allows, from the database. An unknown one is an Access with a refusal."""
    row = ApiToken.objects.select_related("user").filter(token_hash=token_hash).first()
    if row is None:
        return Access(token_hash, 0, frozenset(), {}, refusal="invalid")
    now = timezone.now()
    if row.revoked_at is not None or not row.user.is_active:
        refusal = "revoked"
    elif row.expires_at is not None and row.expires_at <= now:
        refusal = "expired"
    else:
        refusal = ""
    memberships = Membership.objects.filter(user_id=row.user_id)
    if row.workspace_id is not None:
        memberships = memberships.filter(workspace_id=row.workspace_id)
    if not refusal and (row.last_used_at is None or row.last_used_at < now - timedelta(seconds=USED_EVERY)):
        ApiToken.objects.filter(pk=row.pk).update(last_used_at=now)
    return Access(
        token=token_hash,
        user=row.user_id,
        scopes=frozenset(row.scopes),
        roles=dict(memberships.values_list("workspace__slug", "role")),
        expires=row.expires_at.timestamp() if row.expires_at else 0.0,
        refusal=refusal,
    )


def digest(token: bytes) -> str:
    return hashlib.sha256(token).hexdigest()


def bearer(request: Request) -> bytes:
    """The token of the Authorization header. Raises Problem 401 without one."""
    header = request.headers.get(b"authorization", b"")
    if not header:
        raise unauthenticated()
    scheme, _, token = header.partition(b" ")
    token = token.strip()
    if scheme.lower() != b"bearer" or not token:
        raise unauthenticated("bad_authorization", "The Authorization header must read `Bearer slw_…`.")
    if len(token) > HEADER_MAX or not token.startswith(PREFIX.encode()):
        raise unusable("invalid")
    return token


def unusable(reason: str) -> Problem:
    """Problem 401 that says why: invalid, revoked or expired."""
    return unauthenticated(f"token_{reason}", _WHY[reason])


def token_in_url(query: bytes) -> tuple[bool, str]:
    """Whether a secret stands in the query string, and the key itself if it is one of ours."""
    if not query or not _SECRET_IN_URL.search(query):
        return False, ""
    found = _TOKEN_IN_URL.search(query)
    return True, found.group().decode() if found else ""
