"""The index of the pages of filings, in each database's own way. See `docs/decisions/0012-pages-are-found-by-grams.md`."""

from __future__ import annotations

from typing import Any

import django.db.models.deletion
from django.db import migrations, models

POSTGRESQL = [
    # Out of line: the rows that a common word has are many, and read quickly only while they are narrow.
    "ALTER TABLE companies_searchpart SET (toast_tuple_target = 128)",
    "ALTER TABLE companies_searchpart ADD COLUMN grams integer[] NOT NULL",
    "ALTER TABLE companies_searchpart ALTER COLUMN grams SET STORAGE EXTERNAL",
    "ALTER TABLE companies_searchpart ALTER COLUMN grams SET STATISTICS 0",
    "CREATE INDEX companies_searchpart_grams ON companies_searchpart USING gin (grams)",
    # The planner takes a comparison of arrays for cheap and would read them all: the index is always faster.
    """
    CREATE FUNCTION companies_searchversions(grams integer[]) RETURNS SETOF bigint
    LANGUAGE sql STABLE SET enable_seqscan = off SET enable_indexscan = off
    AS 'SELECT DISTINCT version_id FROM companies_searchpart WHERE grams @> $1'
    """,
    # Nor is it to go through the parts of the versions by their keys: hence the zero.
    """
    CREATE FUNCTION companies_searchparts(grams integer[], versions bigint[])
    RETURNS TABLE (version_id bigint, first integer, last integer)
    LANGUAGE sql STABLE SET enable_seqscan = off SET enable_indexscan = off
    AS 'SELECT version_id, first, last FROM companies_searchpart WHERE grams @> $1 AND version_id + 0 = ANY ($2)'
    """,
]
POSTGRESQL_BACK = [
    "DROP FUNCTION companies_searchparts(integer[], bigint[])",
    "DROP FUNCTION companies_searchversions(integer[])",
    "DROP INDEX companies_searchpart_grams",
    "ALTER TABLE companies_searchpart DROP COLUMN grams",
]
SQLITE = [
    """
    CREATE VIRTUAL TABLE companies_searchgrams
    USING fts5 (grams, content = '', detail = none, columnsize = 0, tokenize = 'ascii')
    """,
]
SQLITE_BACK = ["DROP TABLE companies_searchgrams"]


def create(apps: Any, schema_editor: Any) -> None:
    """Make the index."""
    run(schema_editor, POSTGRESQL if schema_editor.connection.vendor == "postgresql" else SQLITE)


def drop(apps: Any, schema_editor: Any) -> None:
    """Take it away: `manage.py index_filings` fills a new one from the pages."""
    run(schema_editor, POSTGRESQL_BACK if schema_editor.connection.vendor == "postgresql" else SQLITE_BACK)


def run(schema_editor: Any, statements: list[str]) -> None:
    """One after another."""
    for statement in statements:
        schema_editor.execute(statement)


class Migration(migrations.Migration):
    dependencies = [("companies", "0005_filings_with_text_anchors_and_notes")]

    operations = [
        migrations.CreateModel(
            name="SearchPart",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("first", models.PositiveIntegerField(verbose_name="first page")),
                ("last", models.PositiveIntegerField(verbose_name="last page")),
                (
                    "version",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="companies.filingversion",
                        verbose_name="version",
                    ),
                ),
            ],
            options={
                "verbose_name": "part in the search",
                "verbose_name_plural": "parts in the search",
            },
        ),
        migrations.RunPython(create, drop),
    ]
