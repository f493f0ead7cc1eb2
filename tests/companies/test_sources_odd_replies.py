"""Whatever a service puts into any field, its parser gives rows or a SourceError, never another exception."""

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from companies.sources import cninfo, hkex, sec, sse, szse
from companies.sources.base import Reply, SourceError
from tests.companies.replies import reply

SAMPLES = Path(__file__).parent.parent / "data" / "upstream_samples" / "filings"
PARSERS: dict[str, Callable[[Reply], object]] = {
    "cninfo_query_page1.json": cninfo.parse_announcements,
    "cninfo_szse_stock_list.json": cninfo.parse_stock_list,
    "cninfo_detailOfQuery.json": cninfo.parse_org_ids,
    "sse_bulletin_new.jsonp": sse.parse_bulletins,
    "sse_ipo_list_sh_xm_lb.jsonp": sse.parse_projects,
    "sse_ipo_files_gp_gpzcz_shxxpl.jsonp": sse.parse_project_files,
    "sse_common_file_search.jsonp": sse.parse_project_files,
    "sse_ipo_timeline_xmdtzttlb.jsonp": sse.parse_timeline,
    "szse_annlist.json": szse.parse_announcements,
    "szse_projectrends.json": szse.parse_projects,
    "szse_projectrends_details.json": szse.parse_project,
    "hkex_prefix.jsonp": hkex.parse_stock_ids,
    "hkex_title_search.json": hkex.parse_titles,
    "hkex_appactive_sehk_e.json": hkex.parse_applications,
    "sec_company_tickers.json": sec.parse_tickers,
    "sec_submissions_CIK0001045810.json": sec.parse_submissions,
    "sec_companyfacts_CIK0001045810.json": sec.parse_facts,
}
ODD: list[Any] = [None, [], {}, "", "x", -1, 1.5, True, 10**30, [None], {"a": 1}, "\ud800"]
DAYS = ["9999-99-99", "9999-12-31 23:59:59", "0001-01-01T05:00:00Z"]
ADDRESSES = ["//[x", "http://[::1", "a:b:c", "\\\\host\\share"]


def shortened(value: Any) -> Any:
    """A copy in which every list has at most one row."""
    if isinstance(value, dict):
        return {key: shortened(item) for key, item in value.items()}
    return [shortened(item) for item in value[:1]] if isinstance(value, list) else value


def places(value: object, way: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The way to every value inside `value`."""
    yield way
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in inner:
        yield from places(item, (*way, key))


def changed(value: Any, way: tuple[Any, ...], odd: object) -> Any:
    """A copy with one value replaced."""
    if not way:
        return odd
    whole = shortened(value)
    inner = whole
    for key in way[:-1]:
        inner = inner[key]
    inner[way[-1]] = odd
    return whole


@pytest.mark.parametrize("file", PARSERS)
def test_no_value_of_any_field_breaks_a_parser(file: str) -> None:
    body = (SAMPLES / file).read_text(encoding="utf-8")
    wrapped = re.fullmatch(r"\s*\w+\((.*)\);?\s*", body, re.DOTALL)
    content = json.loads(wrapped[1] if wrapped else body)
    if file.startswith("hkex_title"):
        content["result"] = json.loads(content["result"])
    content = shortened(content)
    broken = []
    for way in places(content):
        for odd in ODD + DAYS + ADDRESSES:
            asked = reply(
                json.dumps(changed(content, way, odd)).encode(), url="https://service.test/CIK0001045810.json"
            )
            try:
                PARSERS[file](asked)
            except SourceError:
                continue
            except Exception as error:
                broken.append((way, odd, repr(error)))
    assert broken == []
