"""`manage.py ensure_admin`: the first administrator of a new instance."""

import secrets
from typing import Any

from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandParser


class Command(BaseCommand):
    """Make an administrator with a random password, once."""

    help = "Create an administrator and print the password, unless there is one already."

    def add_arguments(self, parser: CommandParser) -> None:
        """Let the operator choose the name and the address."""
        parser.add_argument("--username", default="admin")
        parser.add_argument("--email", default="admin@localhost")

    def handle(self, *args: Any, username: str, email: str, **options: Any) -> None:
        """Create the account only when no superuser exists: a second run prints and changes nothing."""
        users = get_user_model()._default_manager
        if users.filter(is_superuser=True).exists():
            return
        if users.filter(username=username).exists() or users.filter(email=email).exists():
            self.stderr.write(
                f"There is no administrator, and {username} or {email} is taken: run `manage.py createsuperuser`."
            )
            return
        password = secrets.token_urlsafe(12)
        users.create_superuser(username=username, email=email, password=password)
        self.stdout.write(
            f"\n  First administrator: {username}\n"
            f"  Password:            {password}\n"
            "  It is shown this once; `manage.py changepassword` sets another.\n"
        )
