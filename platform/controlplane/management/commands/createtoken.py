"""`manage.py createtoken EMAIL [--workspace WS] [--scopes …]`: an API token, alone on standard output."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from controlplane.accounts.models import User
from controlplane.accounts.services import create_person
from controlplane.errors import Problem
from controlplane.workspaces.models import Membership, Scope, Workspace
from controlplane.workspaces.services import create_workspace
from controlplane.workspaces.tokens import create_token


class Command(BaseCommand):
    help = "Print an API token. The person is created if new, the workspace too, with the person as its owner."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("email")
        parser.add_argument("--workspace", help="limit the token to this workspace (its slug)")
        parser.add_argument("--scopes", nargs="+", default=[scope.value for scope in Scope], help="read write predict admin; default: all")
        parser.add_argument("--name", default="createtoken", help="what the token is called in lists")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            with transaction.atomic():
                user = User.objects.filter(email=options["email"].lower()).first() or create_person(email=options["email"])
                workspace = self.workspace(user, options["workspace"])
                scopes = [word for part in options["scopes"] for word in part.split(",") if word]
                text = create_token(user=user, scopes=scopes, workspace=workspace, name=options["name"])[1]
        except Problem as problem:
            raise CommandError(f"{problem.detail} {problem.hint}".strip()) from problem
        self.stdout.write(text)

    def workspace(self, user: User, slug: str | None) -> Workspace | None:
        """The workspace, made if new; one of others is refused, because a token never gives what its person has not."""
        if slug is None:
            return None
        found = Workspace.objects.filter(slug=slug).first()
        if found is None:
            return create_workspace(user=user, slug=slug)
        if not Membership.objects.filter(workspace=found, user=user).exists():
            raise CommandError(f"{user.email} is no member of {slug}; an owner or admin can invite them.")
        return found
