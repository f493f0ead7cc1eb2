"""Reading the text of stored files: what is kept of good ones, and how bad ones end."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from hashlib import sha256
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from pytest_django import Settings

from companies.filings.extraction import extract
from companies.models import Anchor, FilingPage, FilingVersion, MediaType, Revision
from tests import documents
from tests.factories import NOON, make_anchor, some_filing

pytestmark = pytest.mark.django_db
Status = FilingVersion.Status

CHINESE = ["预计营业收入 6.45 亿元至 7.20 亿元，\n同比增长。", "第二页"]


@pytest.fixture(autouse=True)
def own_documents(settings: Settings, tmp_path: Path) -> None:
    settings.DOCUMENT_DIR = tmp_path


def stored(content: bytes, media_type: str = MediaType.PDF) -> FilingVersion:
    """A version with this file, of which nothing has been read."""
    filing = some_filing()
    version = FilingVersion.objects.create(
        filing=filing, number=filing.versions.count() + 1, sha256=sha256(content).hexdigest(),
        size=len(content) or 1, media_type=media_type, received_at=NOON,
    )  # fmt: skip
    version.path.parent.mkdir(parents=True, exist_ok=True)
    version.path.write_bytes(content)
    return version


def read(content: bytes, media_type: str = MediaType.PDF) -> FilingVersion:
    """A version with this file, after reading it."""
    version = stored(content, media_type)
    status = extract(version.pk)
    version.refresh_from_db()
    assert version.status == status
    return version


def texts(version: FilingVersion) -> list[str]:
    return list(version.pages.order_by("number").values_list("text", flat=True))


# --- Text -------------------------------------------------------------------------------------------


def test_pages_of_a_chinese_pdf_are_kept_in_one_spelling_with_what_it_was() -> None:
    version = read(documents.pdf(["\uf90a额：１，２００万元\u2011", "第二页"]))
    assert version.status == Status.READY
    assert texts(version) == ["金额:1,200万元-", "第二页"]
    assert [page.raw for page in version.pages.all()] == ["\uf90a额：１，２００万元\u2011", ""]
    assert (version.page_count, version.extraction, version.problem) == (2, 1, "")
    assert version.extractor.startswith("pypdfium2 ")
    assert version.extracted_at is not None


def test_reading_tells_pages_that_something_changed() -> None:
    before = Revision.numbers()
    read(documents.pdf(["text"]))
    assert Revision.numbers() > before


def test_outline_names_pages_and_levels() -> None:
    version = read(documents.pdf(["a", "b"], outline=[("第一节", 1, 0), ("１．收入", 2, 1)]))
    assert version.outline == [
        {"title": "第一节", "page": 1, "level": 0},
        {"title": "1.收入", "page": 2, "level": 1},
    ]


def test_a_pdf_that_opens_without_asking_for_its_password_is_read() -> None:
    assert texts(read(documents.pdf(["open"], password=""))) == ["open"]


def test_a_scanned_pdf_has_pages_with_a_size_and_no_text() -> None:
    version = read(documents.scanned_pdf(pages=2))
    assert version.status == Status.NO_TEXT
    assert version.page_count == 2
    assert [(page.text, page.width, page.height) for page in version.pages.all()] == [("", 5950, 8420)] * 2


# --- Places -----------------------------------------------------------------------------------------


def box_of(page: FilingPage, words: str) -> tuple[int, int, int, int]:
    """The box around some words of a page, each run shared evenly."""
    start = page.text.index(words)
    boxes = []
    for at in range(start, start + len(words)):
        run = next(run for run in page.runs if run.start <= at < run.end)
        share = (run.right - run.left) / (run.end - run.start)
        left = run.left + share * (at - run.start)
        boxes.append((left, run.bottom, left + share, run.top))
    lefts, bottoms, rights, tops = zip(*boxes, strict=True)
    return round(min(lefts)), min(bottoms), round(max(rights)), max(tops)


def test_places_are_in_tenths_of_a_point_from_the_lower_left_corner() -> None:
    page = read(documents.pdf(CHINESE)).pages.get(number=1)
    left, bottom, right, top = box_of(page, "预计营业收入")
    assert (left, right) == (500, 500 + 6 * 105)  # six signs of 10.5 points
    assert 8420 - 500 - 180 <= bottom < top <= 8420 - 500
    below = box_of(page, "同比")
    assert below[0] == 500
    assert below[3] <= bottom


def test_a_run_is_of_one_line_and_one_script_and_the_words_of_a_line_follow_each_other() -> None:
    page = read(documents.pdf(["营收 Revenue 2025 年度\n营收"])).pages.get(number=1)
    assert [page.text[run.start : run.end] for run in page.runs] == ["营收", "Revenue", "2025", "年度", "营收"]
    first_line = page.runs[:4]
    assert all(one.right < other.left for one, other in pairwise(first_line))


def test_signs_that_become_several_stay_in_their_place() -> None:
    page = read(documents.pdf(["ﬁve …后"])).pages.get(number=1)
    assert page.text == "five ...后"
    assert [page.text[run.start : run.end] for run in page.runs] == ["five", "...", "后"]


@pytest.mark.parametrize(
    ("degrees", "size", "corner"),
    [
        (0, (5950, 8420), "left top"),
        (90, (8420, 5950), "right top"),
        (180, (5950, 8420), "right bottom"),
        (270, (8420, 5950), "left bottom"),
    ],
)
def test_places_on_a_turned_page_are_where_it_is_shown(degrees: int, size: tuple[int, int], corner: str) -> None:
    page = read(documents.turned(documents.pdf(["角落"]), degrees)).pages.get(number=1)
    left, bottom, right, top = box_of(page, "角落")
    assert (page.width, page.height) == size
    across = "left" if right < page.width / 2 else "right"
    up = "bottom" if top < page.height / 2 else "top"
    assert f"{across} {up}" == corner
    assert 0 <= left < right <= page.width
    assert 0 <= bottom < top <= page.height


def test_places_on_a_cropped_page_count_from_its_visible_corner() -> None:
    page = read(documents.cropped(documents.pdf(["角落"]), 40, 700, 300, 820)).pages.get(number=1)
    left, bottom, right, top = box_of(page, "角落")
    assert (page.width, page.height) == (2600, 1200)
    assert (left, right) == (100, 100 + 2 * 105)
    assert 420 <= bottom < top <= 920


# --- Bad files --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "status", "problem"),
    [
        (documents.encrypted_pdf, Status.ENCRYPTED, "password"),
        (documents.truncated_pdf, Status.BROKEN, "damaged"),
        (documents.garbage_pdf, Status.BROKEN, "damaged"),
        (lambda: b"", Status.BROKEN, "damaged"),
        (documents.looping_pdf, Status.BROKEN, "none of its pages"),
        (documents.endless_pdf, Status.TOO_LONG, "1,000,000 pages"),
        (documents.nested_pdf, Status.NO_TEXT, ""),
    ],
)
def test_bad_files_end_with_a_status_and_its_reason(
    make: Callable[[], bytes], status: FilingVersion.Status, problem: str
) -> None:
    version = read(make())
    assert version.status == status
    assert problem in version.problem
    assert status == Status.NO_TEXT or not version.pages.exists()


def test_a_bomb_ends_as_too_big(settings: Settings) -> None:
    settings.DOCUMENT_MEMORY_MB = 200
    version = read(documents.bomb_pdf(megabytes=600))
    assert version.status == Status.TOO_BIG
    assert "200 MB" in version.problem


def test_what_takes_too_long_is_ended(settings: Settings) -> None:
    settings.DOCUMENT_TIME_LIMIT = 1
    version = read(documents.nested_html(), MediaType.HTML)
    assert version.status == Status.TOO_SLOW
    assert "1 seconds" in version.problem


def test_more_pages_than_allowed_are_not_read(settings: Settings) -> None:
    settings.DOCUMENT_MAX_PAGES = 3
    assert read(documents.long_pdf(3)).status == Status.READY
    assert read(documents.long_pdf(4)).status == Status.TOO_LONG


def test_a_damaged_page_is_told_and_the_others_are_kept() -> None:
    tree = b"<</Type/Pages/Kids[3 0 R 4 0 R]/Count 2>>"
    page = b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents 5 0 R/Resources<</Font<</F 6 0 R>>>>>>"
    words = b"<</Length 41>>stream\nBT /F 12 Tf 50 700 Td (Good) Tj ET         \nendstream"
    font = b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>"
    version = read(documents.raw_pdf([tree, page, b"(no page)", words, font]))
    assert version.status == Status.READY
    assert texts(version) == ["Good", ""]
    assert "page 2" in version.problem


def test_a_missing_file_is_told() -> None:
    version = stored(b"%PDF-")
    version.path.unlink()
    assert extract(version.pk) == Status.BROKEN
    version.refresh_from_db()
    assert "missing" in version.problem


def test_the_child_knows_nothing_of_our_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", "/nowhere")
    monkeypatch.setenv("PYTHONSTARTUP", "/nowhere")
    assert "SECRET_KEY" in os.environ
    started: list[dict[str, str]] = []

    class Spy(subprocess.Popen[bytes]):
        def __init__(self, *args: Any, **options: Any) -> None:
            started.append(options["env"])
            super().__init__(*args, **options)

    monkeypatch.setattr(subprocess, "Popen", Spy)
    read(documents.long_pdf(1))
    assert [set(env) for env in started] == [{"LANG"}]


# --- Again ------------------------------------------------------------------------------------------


def test_reading_again_changes_nothing_but_its_count() -> None:
    version = read(documents.pdf(CHINESE))
    before = list(version.pages.values())
    assert extract(version.pk) == Status.READY
    version.refresh_from_db()
    assert list(version.pages.values()) == before
    assert version.extraction == 2


def test_what_a_reading_that_died_left_behind_is_put_right() -> None:
    version = stored(documents.pdf(CHINESE))
    FilingPage.objects.create(version=version, number=1, text="of another program")
    FilingPage.objects.create(version=version, number=9, text="of another program")
    extract(version.pk)
    assert len(texts(version)) == 2
    assert "another" not in "".join(texts(version))


def test_a_text_that_differs_from_the_stored_one_takes_its_place_and_passages_are_looked_for() -> None:
    version = read(documents.pdf(CHINESE))
    version.pages.filter(number=2).update(text="第二页 of older rules")
    stays, goes = make_anchor(version, "6.45 亿元"), make_anchor(version, "older rules")
    extract(version.pk)
    assert texts(version)[1] == "第二页"
    assert Anchor.objects.get(pk=stays.pk).state == Anchor.State.EXACT
    assert Anchor.objects.get(pk=goes.pk).state == Anchor.State.NEEDS_REVIEW


def test_a_version_that_cannot_be_read_again_keeps_its_text() -> None:
    version = read(documents.pdf(CHINESE))
    before = texts(version)
    version.path.write_bytes(documents.garbage_pdf())
    assert extract(version.pk) == Status.BROKEN
    version.refresh_from_db()
    assert (version.status, texts(version), version.extraction) == (Status.READY, before, 1)
    assert "could not be read again" in version.problem


def test_the_first_page_is_there_before_the_last_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    from companies.filings import extraction

    seen: list[int] = []
    make = extraction._page

    def spy(version: FilingVersion, number: int, said: dict[str, object]) -> FilingPage:
        seen.append(FilingPage.objects.filter(version=version).count())
        return make(version, number, said)

    monkeypatch.setattr(extraction, "_page", spy)
    version = read(documents.long_pdf(30))
    assert seen[0] == 0
    assert seen[1] == 1
    assert seen[29] == 26
    assert version.pages.count() == 30


# --- Web pages --------------------------------------------------------------------------------------


def test_a_web_page_is_read_by_the_same_way() -> None:
    version = read(documents.hostile_html(), MediaType.HTML)
    page = version.pages.get()
    assert version.status == Status.READY
    assert version.extractor.startswith("nh3 ")
    assert "Revenue was 1,200 million yuan." in page.text
    assert (page.width, page.runs) == (0, [])


def test_a_web_page_without_words_has_no_text() -> None:
    version = read(documents.html("<script>x()</script><img src='a.gif'>"), MediaType.HTML)
    assert (version.status, version.page_count) == (Status.NO_TEXT, 1)
