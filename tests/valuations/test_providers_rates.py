"""Exchange rates of all sources: units, directions, gaps and refusals."""

from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from companies.sources.base import Auth, BadBody, Outcome, Reply, SourceError, parse_json
from tests import payloads
from tests.outcomes import rates_outcome
from valuations.providers import RATE_SOURCES, rate_sources
from valuations.providers.base import ParsedRate
from valuations.providers.cfets import parse_parity, parse_spot
from valuations.providers.ecb import parse_csv, parse_xml
from valuations.providers.frankfurter import parse_rates
from valuations.providers.fred import parse_observations
from valuations.providers.hkma import parse_records
from valuations.providers.safe import parse_table

FRIDAY = "2026-11-20"
DAY = date(2026, 11, 20)


def as_text(rates: list[ParsedRate]) -> list[str]:
    return [f"{rate.day} {rate.base}/{rate.quote} {rate.rate.normalize():f}" for rate in rates]


def test_cfets_states_one_unit_of_the_base_whatever_the_label_counts() -> None:
    body = payloads.cfets_parity({FRIDAY: ["6.8000", "7.8200", "3.8900", "0.87180", "4.8000"]})
    assert as_text(parse_parity(body)) == [
        "2026-11-20 USD/CNY 6.8",
        "2026-11-20 EUR/CNY 7.82",
        "2026-11-20 JPY/CNY 0.0389",
        "2026-11-20 HKD/CNY 0.8718",
        "2026-11-20 CNY/THB 4.8",
    ]


def test_cfets_leaves_out_what_is_missing() -> None:
    body = payloads.cfets_parity({FRIDAY: ["6.8000", "---"], "2026-11-19": ["---", "7.81"]}, ("USD/CNY", "EUR/CNY"))
    assert as_text(parse_parity(body)) == ["2026-11-20 USD/CNY 6.8", "2026-11-19 EUR/CNY 7.81"]


def test_cfets_spot_is_the_middle_price_of_its_own_day() -> None:
    body = (
        b'{"head":{"rep_code":"200"},"records":[{"ccyPair":"USD/CNY","midprice":"6.8014","time":"2026-11-20 23:00"},'
        b'{"ccyPair":"HKD/CNY","midprice":"---","time":"2026-11-20 23:00"}]}'
    )
    assert as_text(parse_spot(body)) == ["2026-11-20 USD/CNY 6.8014"]


def test_frankfurter_gives_rates_under_the_day_it_states() -> None:
    one = payloads.frankfurter_v1({FRIDAY: {"CNY": "6.8", "HKD": "7.8"}})
    two = payloads.frankfurter_v1({"2026-11-19": {"CNY": "6.7975"}, FRIDAY: {"CNY": "6.8"}})
    assert as_text(parse_rates(one)) == ["2026-11-20 USD/CNY 6.8", "2026-11-20 USD/HKD 7.8"]
    assert as_text(parse_rates(two)) == ["2026-11-19 USD/CNY 6.7975", "2026-11-20 USD/CNY 6.8"]


def test_frankfurter_amounts_other_than_one_are_divided_out() -> None:
    body = payloads.frankfurter_v1({FRIDAY: {"CNY": "68"}}, amount="10.0")
    assert as_text(parse_rates(body)) == ["2026-11-20 USD/CNY 6.8"]


def test_frankfurter_version_2_drops_the_identity_and_ignores_contributors() -> None:
    body = payloads.frankfurter_v2((FRIDAY, "USD", "CNY", "6.8"), (FRIDAY, "USD", "USD", "1.0"), providers=True)
    rates = parse_rates(body)
    assert as_text(rates) == ["2026-11-20 USD/CNY 6.8"]
    assert rates_outcome(rates) is Outcome.OK


def test_frankfurter_version_2_flags_rows_of_different_days() -> None:
    rates = parse_rates(payloads.frankfurter_v2(("2026-11-21", "USD", "CNY", "6.801"), (FRIDAY, "USD", "HKD", "7.8")))
    assert [rate.day.day for rate in rates] == [21, 20]
    assert rates_outcome(rates) is Outcome.OK_FLAG


def test_frankfurter_version_2_may_answer_a_range() -> None:
    rows = [(day, "USD", quote, "7") for day in ("2026-11-19", FRIDAY) for quote in ("CNY", "HKD")]
    assert rates_outcome(parse_rates(payloads.frankfurter_v2(*rows))) is Outcome.OK


def test_ecb_counts_for_one_euro_in_xml_and_csv() -> None:
    xml = payloads.ecb_xml({FRIDAY: {"USD": "1.1500", "CNY": "7.8200"}, "2026-11-19": {"USD": "1.1480"}})
    narrow = b"FREQ,CURRENCY,TIME_PERIOD,OBS_VALUE\nD,USD,2026-11-20,1.15\nD,CNY,2026-11-20,7.82\n"
    wide = (
        b"KEY,CURRENCY,CURRENCY_DENOM,TIME_PERIOD,OBS_VALUE,TITLE\r\n"
        b'K,CNY,EUR,2026-11-19,,"Yuan, daily"\r\nK,CNY,EUR,2026-11-20,7.82,"Yuan, daily"\r\n'
    )
    friday = ["2026-11-20 EUR/USD 1.15", "2026-11-20 EUR/CNY 7.82"]
    assert as_text(parse_xml(xml)) == [*friday, "2026-11-19 EUR/USD 1.148"]
    assert as_text(parse_csv(narrow)) == friday
    assert as_text(parse_csv(wide)) == friday[1:]


def test_ecb_refuses_a_document_type() -> None:
    prologue = '<!DOCTYPE x [<!ENTITY a "b"><!ENTITY c "&a;&a;">]>'
    with pytest.raises(BadBody, match="document type"):
        parse_xml(payloads.ecb_xml({FRIDAY: {"USD": "1.15"}}, prologue))


def test_fred_leaves_out_holidays_and_reads_the_series_from_the_request() -> None:
    body = payloads.fred_observations(("2026-11-10", "7.8010"), ("2026-11-11", "."))
    url = "https://source.test/fred/series/observations?series_id=DEXHKUS&file_type=json"
    reply = Reply(url, 200, "application/json", body, datetime(2026, 11, 20, tzinfo=UTC))
    assert as_text(RATE_SOURCES["fred"].parse(reply)) == ["2026-11-10 USD/HKD 7.801"]
    assert as_text(parse_observations(body, "DEXCHUS")) == ["2026-11-10 USD/CNY 7.801"]


def test_hkma_counts_hong_kong_dollars_without_noise_and_nulls() -> None:
    body = payloads.hkma_records(
        '{"end_of_day":"2026-10-31","usd":7.800500000000001,"cny":1.1471,"eur":null,"sdr":9.9,"eeri_total":100.1}'
    )
    assert as_text(parse_records(body)) == ["2026-10-31 USD/HKD 7.8005", "2026-10-31 CNY/HKD 1.1471"]


def test_safe_counts_per_hundred_and_skips_what_is_quoted_the_other_way_round() -> None:
    heads = ["日期", "美元", "日元", "港元", "卢布"]
    body = payloads.safe_table(heads, [FRIDAY, "680.00", "3.8900", "87.180", "1200.00"])
    assert as_text(parse_table(body)) == [
        "2026-11-20 USD/CNY 6.8",
        "2026-11-20 JPY/CNY 0.0389",
        "2026-11-20 HKD/CNY 0.8718",
    ]


FAILURES: list[tuple[Callable[[bytes], object], bytes, Outcome]] = [
    (parse_parity, payloads.cfets_parity({}, refusal="查询时间范围不能超过一年"), Outcome.BAD_REQUEST),
    (parse_parity, payloads.cfets_parity({}), Outcome.NO_DATA),
    (parse_parity, payloads.cfets_parity({FRIDAY: ["---"] * 5}), Outcome.NO_DATA),
    (parse_parity, payloads.cfets_parity({FRIDAY: ["6.8"]}), Outcome.BAD_BODY),
    (parse_parity, payloads.cfets_parity({FRIDAY: ["6.8"]}, ("dollar",)), Outcome.BAD_BODY),
    (parse_parity, payloads.cfets_parity({FRIDAY: ["6,8"]}, ("USD/CNY",)), Outcome.BAD_BODY),
    (parse_parity, payloads.cfets_parity({FRIDAY: ["6.8"]}, ("USD/CNY",), code="500"), Outcome.BAD_BODY),
    (parse_parity, b'{"head":{"rep_code":"200"},"data":{},"records":null}', Outcome.BAD_BODY),
    (parse_rates, b'{"message":"not found"}', Outcome.BAD_BODY),
    (parse_rates, payloads.frankfurter_v1({FRIDAY: {"CNY": "NaN"}}), Outcome.BAD_BODY),
    (parse_rates, payloads.frankfurter_v1({FRIDAY: {"CNY": "6.8"}}, amount="0"), Outcome.BAD_BODY),
    (parse_rates, payloads.frankfurter_v2(), Outcome.NO_DATA),
    (parse_xml, payloads.ecb_xml({FRIDAY: {"USD": "1.15"}})[:-30], Outcome.BAD_BODY),
    (parse_xml, payloads.ecb_xml({}), Outcome.BAD_BODY),
    (parse_csv, b"a,b\n1,2\n", Outcome.BAD_BODY),
    (parse_csv, b"CURRENCY,TIME_PERIOD,OBS_VALUE\nCNY,2026-11-20,\n", Outcome.NO_DATA),
    (parse_records, payloads.hkma_records(success=False), Outcome.BAD_BODY),
    (parse_records, payloads.hkma_records(), Outcome.NO_DATA),
    (parse_table, b"<html><body><p>nothing</p></body></html>", Outcome.BAD_BODY),
    (parse_table, payloads.safe_table(["日期", "美元"]), Outcome.NO_DATA),
    (parse_table, payloads.safe_table(["日期", "美元"], [FRIDAY, "six"]), Outcome.BAD_BODY),
]


@pytest.mark.parametrize(("parse", "body", "outcome"), FAILURES)
def test_a_reply_without_rates_is_told_by_its_kind(
    parse: Callable[[bytes], object], body: bytes, outcome: Outcome
) -> None:
    with pytest.raises(SourceError) as caught:
        parse(body)
    assert caught.value.outcome is outcome


def test_json_of_the_builders_is_json() -> None:
    assert parse_json(payloads.frankfurter_v1({FRIDAY: {"CNY": "6.8"}})) == {
        "amount": Decimal("1.0"),
        "base": "USD",
        "date": FRIDAY,
        "rates": {"CNY": Decimal("6.8")},
    }


def test_fred_without_a_key_does_not_even_ask() -> None:
    class Nobody:
        def get(self, target: str, *, secret: object = None, headers: object = None, site: object = None) -> Reply:
            raise AssertionError("asked")

        def post(self, target: str, *, form: object = None, json: object = None, headers: object = None) -> Reply:
            raise AssertionError("asked")

    with pytest.raises(Auth):
        rate_sources()["fred"].fetch(Nobody(), DAY, DAY)


def test_a_new_kind_of_pair_does_not_cost_the_others() -> None:
    body = payloads.cfets_parity({FRIDAY: ["6.8000", "4.4", "closed"]}, ("USD/CNY", "100JPY/CNY", "BASKET(2026)"))
    assert as_text(parse_parity(body)) == ["2026-11-20 USD/CNY 6.8", "2026-11-20 JPY/CNY 0.044"]
    with pytest.raises(BadBody, match="without the names"):
        parse_parity(payloads.cfets_parity({FRIDAY: ["6.8000"]}, ("BASKET(2026)",)))
