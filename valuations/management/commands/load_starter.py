"""`manage.py load_starter`: load the starter facts, or other facts in files of the same shape."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import Error as DatabaseError

from valuations.starter_facts import StarterProblems, run_load

MOST_PROBLEMS = 50


class Command(BaseCommand):
    """Checks all files first, then loads all or nothing. Running it again changes nothing."""

    help = "Load the starter facts. Rows that somebody changed or removed since are left alone."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        parser.add_argument("--dry-run", action="store_true", help="Say what would be done, and change nothing.")
        parser.add_argument(
            "--dir", type=Path, default=None, help="Directory with files of the same names (default: our own)."
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Load, and print what became of the rows of each file."""
        directory: Path | None = options["dir"]
        if directory is not None and not directory.is_dir():
            raise CommandError(f"{directory} is not a directory")
        try:
            report = run_load(directory, dry_run=options["dry_run"])
        except StarterProblems as refused:
            shown = [str(problem) for problem in refused.problems[:MOST_PROBLEMS]]
            more = len(refused.problems) - len(shown)
            if more:
                shown.append(f"and {more} more")
            raise CommandError("\n".join([*shown, "Nothing was loaded."])) from refused
        except DatabaseError as refused:
            raise CommandError(f"The database refused a row: {refused}\nNothing was loaded.") from refused
        if options["verbosity"] == 0:
            return
        for name, table in report.tables.items():
            if options["verbosity"] > 1 or report.changed or table.edited or table.removed or table.gone:
                self.stdout.write(f"{name}: {table}")
        if options["dry_run"]:
            self.stdout.write("Dry run: nothing was changed.")
        elif not report.changed:
            self.stdout.write("The starter facts are up to date.")
