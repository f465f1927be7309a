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
        if options["unless_signed_in"] and User.objects.exclude(last_login=None).exists():
            return
        email = options["email"]
        user = User.objects.filter(email=email.lower(), is_active=True).first() if email else first_person()
        if user is None and email:
            raise CommandError(f"There is nobody with the address {email}.")
        user = user or create_person(email=FIRST)
        base = settings.PUBLIC_URL or door_url()
        self.stdout.write(f"{base}/signin/{create_signin_code(user=user)}")
