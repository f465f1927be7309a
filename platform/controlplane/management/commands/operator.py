"""`manage.py operator EMAIL [--revoke]`: who may look at everything at /admin and drain workers."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from controlplane.accounts.models import User
from controlplane.accounts.services import set_operator


class Command(BaseCommand):
    help = "Make a person an operator of this installation, or take that away. Without an address: list the operators."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("email", nargs="?")
        parser.add_argument("--revoke", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:
        if not options["email"]:
            for email in User.objects.filter(is_staff=True, is_active=True).order_by("pk").values_list("email", flat=True):
                self.stdout.write(email)
            return
        user = User.objects.filter(email=options["email"].lower(), is_active=True).first()
        if user is None:
            raise CommandError(f"There is nobody with the address {options['email']}.")
        set_operator(user=user, operator=not options["revoke"])
        self.stdout.write(f"{user.email} is {'no operator any more' if options['revoke'] else 'an operator now'}.")
