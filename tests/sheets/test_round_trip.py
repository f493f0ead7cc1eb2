"""What is exported can be imported again, and then nothing changes: for every table, in both formats."""

import pytest

from companies.sheets.checking import UNCHANGED, check_sheet
from companies.sheets.exporting import csv_lines, xlsx_file
from companies.sheets.reading import read_sheet
from companies.sheets.tables import labels, model_of, resource_of

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("starter")]


@pytest.mark.parametrize("label", labels())
@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_the_export_of_the_starter_facts_changes_nothing_when_it_is_imported(label: str, kind: str) -> None:
    rows = model_of(label)._default_manager.order_by("pk")
    count = rows.count()
    if label != "companies.corporateaction":
        assert count > 10
    if kind == "csv":
        content = "".join(csv_lines(rows)).encode()
    else:
        with xlsx_file(rows) as file:
            content = file.read()
    resource = resource_of(model_of(label))
    sheet = read_sheet(content, [column.column_name for column in resource.columns])
    checked = check_sheet(resource, sheet)
    assert checked.mistakes == []
    assert [row.cells for row in checked.rows if row.cells] == []
    assert {row.kind for row in checked.rows} == {UNCHANGED}
    assert len(checked.rows) == count
    assert list(checked.doubts) == []
