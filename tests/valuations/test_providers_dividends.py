"""What an ex-day brings, out of one sentence."""

from datetime import date
from decimal import Decimal

import pytest

from valuations.providers.dividends import share_events

DAY = date(2026, 6, 10)


@pytest.mark.parametrize(
    ("text", "ratio", "cash"),
    [
        ("10派1元转增1股", "1.1", "0.1"),
        ("10送4.9股派0.8元(含税,扣税后0.72元)", "1.49", "0.08"),
        ("10派0.8元(含税,扣税后派0.72元)", None, "0.08"),
        ("每10股转增4.9股", "1.49", None),
        ("10转4.9派1元", "1.49", "0.1"),
        ("10送3转2派1", "1.5", "0.1"),
        ("10送转5股", "1.5", None),
        ("每10股送红股2股派发现金红利1.50元(含税)", "1.2", "0.15"),
        ("每十股派现２．５元", None, "0.25"),
        ("每10股 派息 3 元 （含税）， 每10股转增4股", "1.4", "0.3"),
        ("每股派0.1元每10股转增4股", "1.4", "0.1"),
        ("2025年年度: 10派1元", None, "0.1"),
        ("10派1元配3股", None, "0.1"),
        ("10送1股配3股派0.5元", "1.1", "0.05"),
    ],
)
def test_new_shares_and_cash_are_told_per_share_held_before(text: str, ratio: str | None, cash: str | None) -> None:
    told = {event.kind: (event.ratio, event.cash) for event in share_events(text, DAY, "CNY")}
    bonus = {} if ratio is None else {"bonus": (Decimal(ratio), None)}
    dividend = {} if cash is None else {"dividend": (Decimal(1), Decimal(cash))}
    assert told == bonus | dividend


@pytest.mark.parametrize(
    "text", ["", "不分配不转增", "10配3股", "10配3股,配股价5.20元", "每10股派0元", "0派1元", "股东大会2025-06-10"]
)
def test_a_sentence_without_new_shares_and_cash_gives_no_event(text: str) -> None:
    assert share_events(text, DAY, "CNY") == ()


@pytest.mark.parametrize("text", ["每股派0.5港元", "每股派港币0.5元", "每股派息0.5港元", "每股派0.5元"])
def test_a_dividend_of_hong_kong_is_told_per_share(text: str) -> None:
    [event] = share_events(text, DAY, "HKD")
    assert (event.kind, event.ex_day, event.cash, event.text) == ("dividend", DAY, Decimal("0.5"), text)


@pytest.mark.parametrize("text", ["每股派人民币0.5元", "每股派0.5美元"])
def test_a_dividend_in_another_currency_is_not_taken_for_the_listings(text: str) -> None:
    assert share_events(text, DAY, "HKD") == ()
