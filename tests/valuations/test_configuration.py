"""Mistakes in the settings are said at start-up."""

import pytest
from django.core.management import call_command
from django.core.management.base import SystemCheckError
from pytest_django import Settings

from valuations.configuration import prices_are_not_asked_for_every_second


def test_the_settings_as_shipped_pass() -> None:
    call_command("check")


@pytest.mark.parametrize("setting", ["QUOTE_SOURCES", "HISTORY_SOURCES", "RATE_SOURCES"])
def test_an_unknown_source_is_named_with_the_known_ones(settings: Settings, setting: str) -> None:
    setattr(settings, setting, ["tencnet"])
    with pytest.raises(SystemCheckError, match=rf"(?s){setting} names “tencnet”.*Known are"):
        call_command("check")


@pytest.mark.parametrize(
    ("setting", "name", "folder"),
    [
        ("QUOTE_SOURCES", "twelvedata", "plugins/keyed"),
        ("HISTORY_SOURCES", "yfinance_history", "plugins/yfinance"),
        ("HISTORY_SOURCES", "akshare_history", "plugins/akshare"),
    ],
)
def test_a_source_whose_plugin_is_not_installed_is_told_with_the_command_that_installs_it(
    settings: Settings, setting: str, name: str, folder: str
) -> None:
    setattr(settings, setting, [name])
    with pytest.raises(SystemCheckError, match=rf"(?s){name}.*pip install \./{folder}\."):
        call_command("check")


def test_an_address_without_a_scheme_is_refused(settings: Settings) -> None:
    settings.SOURCE_URLS = {**settings.SOURCE_URLS, "tencent": "qt.gtimg.cn"}
    with pytest.raises(SystemCheckError, match="tencent"):
        call_command("check")


@pytest.mark.parametrize(("seconds", "ids"), [(60, []), (59, ["valuations.E004"]), (1, ["valuations.E004"])])
def test_prices_are_asked_for_once_a_minute_at_most(settings: Settings, seconds: int, ids: list[str]) -> None:
    settings.QUOTE_EVERY_SECONDS = seconds
    assert [problem.id for problem in prices_are_not_asked_for_every_second(None)] == ids
