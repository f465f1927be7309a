"""`manage.py signinlink [EMAIL]`: a one-time sign-in link; without an address, for who set this installation up."""

from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from controlplane.accounts.models import User
from controlplane.accounts.services import create_person, create_signin_code, first_person
from workers.contract.home import door_url

FIRST = "owner@localhost"


class Command(BaseCommand):
    help = "Print a one-time sign-in link (15 minutes). On the first run it creates the owner."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("email", nargs="?", help="default: the first person")
        parser.add_argument("--unless-signed-in", action="store_true", help="print nothing once an owner has signed in")

    def handle(self, *args: Any, **options: Any) -> None:
        if text := link(email=options["email"], unless_signed_in=options["unless_signed_in"]):
            self.stdout.write(text)


def link(*, email: str | None = None, unless_signed_in: bool = False) -> str:
    """A new link for this person or who set this installation up; empty where somebody has signed in and only then one is wanted."""
    if unless_signed_in and User.objects.exclude(last_login=None).exists():
        return ""
    user = User.objects.filter(email=email.lower(), is_active=True).first() if email else first_person()
    if user is None and email:
        raise CommandError(f"There is nobody with the address {email}.")
    user = user or create_person(email=FIRST)
    base = settings.PUBLIC_URL or door_url()
    return f"{base}/signin/{create_signin_code(user=user)}"
