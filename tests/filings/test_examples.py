"""The example documents: readable at once, marked on every page, and no source of any fact."""

from pathlib import Path

import pytest
from django.core.management import call_command
from pytest_django import Settings

from companies.filings.examples import EXAMPLES, FOLDER, run_load_examples
from companies.models import Figure, Filing, FilingPage, FilingVersion

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def own_documents(settings: Settings, tmp_path: Path) -> None:
    settings.DOCUMENT_DIR = tmp_path


def test_the_examples_can_be_read_and_say_on_every_page_that_they_are_invented() -> None:
    call_command("load_examples", verbosity=0)
    versions = FilingVersion.objects.filter(filing__is_example=True)
    assert {version.status for version in versions} == {"ready"}
    assert {version.media_type for version in versions} == {"application/pdf", "text/html"}
    assert all(version.outline for version in versions)
    texts = list(FilingPage.objects.values_list("text", flat=True))
    assert len(texts) >= 5
    assert all("EXAMPLE 示例 - invented" in text for text in texts)
    assert all(
        any("营业收入 6.45 亿元至 7.20 亿元" in page.text for page in version.pages.all()) for version in versions
    )


def test_the_examples_are_about_no_company_and_state_no_fact() -> None:
    run_load_examples()
    assert Filing.objects.filter(company=None, tier="secondary", is_example=True).count() == len(EXAMPLES)
    assert not Figure.objects.exists()


def test_loading_the_examples_again_changes_nothing() -> None:
    assert len(run_load_examples()) == len(EXAMPLES)
    Filing.objects.filter(slug=EXAMPLES[0].slug).update(title="Renamed here")
    before = list(FilingVersion.objects.values()), list(FilingPage.objects.values()), list(Filing.objects.values())
    assert run_load_examples() == []
    after = list(FilingVersion.objects.values()), list(FilingPage.objects.values()), list(Filing.objects.values())
    assert after == before


def test_the_web_page_is_what_its_maker_makes() -> None:
    from tests.example_document import example_html

    assert (FOLDER / "example.html").read_bytes() == example_html()


def test_the_pdf_is_small_enough_to_come_with_the_project() -> None:
    assert (FOLDER / "example.pdf").stat().st_size < 300_000
