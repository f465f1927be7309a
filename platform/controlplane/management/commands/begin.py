"""`manage.py begin FILE`: the database as this release wants it; in FILE a sign-in link as long as no owner has signed in.

One start of Django instead of two, before the other processes take the processors: the link is there when the platform is.
"""

import os
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand

from controlplane.management.commands.signinlink import link


class Command(BaseCommand):
    help = "Migrate the database, and write a one-time sign-in link to FILE until an owner has signed in."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path, help="written for this user alone; left out once an owner has signed in")

    def handle(self, *args: Any, file: Path, **options: Any) -> None:
        call_command("migrate", interactive=False, stdout=self.stdout)
        file.unlink(missing_ok=True)
        if text := link(unless_signed_in=True):
            with open(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
                out.write(text)
