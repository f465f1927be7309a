"""Alice, Bob and Charlie, and the doors they use. Everything goes through the product's own verbs and its API."""

import json
from dataclasses import dataclass, field
from typing import Any

from controlplane.accounts.models import User
from controlplane.accounts.services import create_person
from controlplane.workspaces.models import Role, Workspace
from controlplane.workspaces.services import add_member, create_workspace
from controlplane.workspaces.tokens import create_token
from django.test import Client

ALL = ("read", "write", "predict", "admin")
PASSWORD = "a long horse battery 7"


@dataclass
class Answer:
    """What came back. body: parsed JSON, else the bytes."""

    status: int
    body: Any
    headers: dict[str, str]

    @property
    def code(self) -> str:
        return self.body.get("code", "") if isinstance(self.body, dict) else ""


@dataclass
class Person:
    """Somebody with a token, calling the API. `…` in a path stands for their workspace."""

    user: User
    workspace: Workspace
    token: str
    http: Client = field(default_factory=Client)

    @property
    def base(self) -> str:
        return f"/api/v1/workspaces/{self.workspace.slug}"

    def call(self, method: str, path: str, body: Any = None, *, raw: bytes | None = None, **headers: str) -> Answer:
        """One request; keyword headers are written with underscores (`Idempotency_Key="k"`)."""
        path = path.replace("…", self.base, 1)
        data = raw if raw is not None else b"" if body is None else json.dumps(body).encode()
        sent = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        kind = sent.pop("Content-Type", "application/json" if data else "")
        response = self.http.generic(method, path, data, content_type=kind, headers=sent)
        content = getattr(response, "content", b"")
        parsed = json.loads(content) if content and "json" in response.get("Content-Type", "") else content
        return Answer(response.status_code, parsed, {key.lower(): value for key, value in response.items()})

    def get(self, path: str, **headers: str) -> Answer:
        return self.call("GET", path, **headers)

    def post(self, path: str, body: Any = None, **headers: str) -> Answer:
        return self.call("POST", path, {} if body is None else body, **headers)

    def patch(self, path: str, body: Any, **headers: str) -> Answer:
        return self.call("PATCH", path, body, **headers)

    def delete(self, path: str, **headers: str) -> Answer:
        return self.call("DELETE", path, **headers)

    def with_token(self, *scopes: str, workspace: Workspace | None = None, **more: Any) -> "Person":
        """The same person with another token."""
        text = create_token(user=self.user, scopes=scopes or ALL, workspace=workspace, **more)[1]
        return Person(self.user, self.workspace, text)

    def in_browser(self) -> "Person":
        """The same person with a session instead of a token."""
        person = Person(self.user, self.workspace, "", Client(enforce_csrf_checks=True))
        person.http.force_login(self.user, backend="allauth.account.auth_backends.AuthenticationBackend")
        return person


def make_person(name: str, **more: Any) -> User:
    """Somebody at example.org. Without a password, whose hash is dear by design; `give_password` gives one."""
    return create_person(email=f"{name}@example.org", name=name.title(), **more)


def give_password(user: User) -> None:
    """The password PASSWORD, for tests that sign in by it."""
    user.set_password(PASSWORD)
    user.save(update_fields=["password"])


class People:
    """alice owns acme · bob owns bobs and has no part in acme · charlie edits acme · anonymous has nothing."""

    def __init__(self) -> None:
        alice, bob, charlie = (make_person(name) for name in ("alice", "bob", "charlie"))
        acme = create_workspace(user=alice, slug="acme", title="Acme")
        bobs = create_workspace(user=bob, slug="bobs", title="Bob's")
        add_member(workspace=acme, user=charlie, role=Role.EDITOR)
        self.alice = self._person(alice, acme)
        self.bob = self._person(bob, bobs)
        self.charlie = self._person(charlie, acme)
        self.anonymous = Person(User(), acme, "")

    def _person(self, user: User, workspace: Workspace) -> Person:
        return Person(user, workspace, create_token(user=user, scopes=ALL)[1])

    def member(self, name: str, role: str) -> Person:
        """Another member of acme."""
        user = make_person(name)
        add_member(workspace=self.alice.workspace, user=user, role=role)
        return self._person(user, self.alice.workspace)
