"""What docs/imports.md says of tables is what they are."""

from django.conf import settings

from companies.sheets.conditions import broken
from companies.sheets.exporting import MOST_ROWS as MOST_EXPORTED
from companies.sheets.reading import MOST_BYTES, MOST_ROWS
from companies.sheets.tables import labels, model_of, resource_of
from tests.sheets.documented import columns


def test_the_documentation_lists_the_columns_of_every_table() -> None:
    assert columns() in (settings.BASE_DIR / "docs" / "imports.md").read_text()


def test_the_documentation_states_the_limits() -> None:
    text = (settings.BASE_DIR / "docs" / "imports.md").read_text()
    assert f"{MOST_ROWS:,} rows and {MOST_BYTES // 2**20} MB" in text
    assert f"{MOST_EXPORTED['csv']:,} rows as CSV, {MOST_EXPORTED['xlsx']:,} as XLSX" in text


def test_every_rule_of_the_tables_can_be_asked_without_the_database() -> None:
    for label in labels():
        list(broken(resource_of(model_of(label)).init_instance()))
