"""How sources that fail are left alone, tried again, and forgiven."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
import time_machine

from companies.sources.base import Auth, BadBody, BadRequest, Blocked, NoData, NotAsked, Outcome, Retry, SourceError
from tests.factories import make_health
from valuations.health import Report, Standing, claim_trial, in_order, note, pause_after, remembered, standing
from valuations.models import SourceHealth

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)


@pytest.fixture
def noon() -> Iterator[time_machine.Traveller]:
    """The clock stands at noon until a test moves it."""
    with time_machine.travel(NOON, tick=False) as clock:
        yield clock


class Source:
    """What the order of sources looks at."""

    def __init__(self, site: str) -> None:
        self.site = site


def fail(error: SourceError, site: str = "tencent", asked_at: datetime | None = None) -> SourceHealth:
    """A request has failed; what is remembered now."""
    note([Report(site, asked_at or datetime.now(UTC), error)])
    return SourceHealth.objects.get(site=site)


@pytest.mark.parametrize(
    ("outcome", "failures", "pause"),
    [
        ("retry", 1, None),
        ("retry", 2, None),
        ("retry", 3, MINUTE),
        ("bad_body", 4, 2 * MINUTE),
        ("too_few", 5, 4 * MINUTE),
        ("retry", 8, 32 * MINUTE),
        ("retry", 9, HOUR),
        ("retry", 1000, HOUR),
        ("blocked", 1, HOUR),
        ("blocked", 2, 2 * HOUR),
        ("auth", 3, 4 * HOUR),
        ("blocked", 5, 16 * HOUR),
        ("blocked", 6, 24 * HOUR),
        ("blocked", 1000, 24 * HOUR),
    ],
)
def test_pauses_grow_with_the_failures_in_a_row(outcome: str, failures: int, pause: timedelta | None) -> None:
    assert pause_after(Outcome(outcome), failures) == pause


@pytest.mark.parametrize(
    ("outcome", "seconds", "pause"),
    [
        ("retry", 90, timedelta(seconds=90)),
        ("blocked", 60, HOUR),
        ("blocked", 7200, 2 * HOUR),
        ("retry", 10**7, 24 * HOUR),
    ],
)
def test_a_source_that_says_when_to_come_back_is_believed_up_to_a_day(
    outcome: str, seconds: int, pause: timedelta
) -> None:
    assert pause_after(Outcome(outcome), 1, seconds) == pause


@pytest.mark.django_db
def test_the_third_failure_in_a_row_makes_a_source_rest(noon: time_machine.Traveller) -> None:
    for failures in (1, 2):
        health = fail(Retry("no answer within 10 s"))
        assert (health.failures, health.rests_until) == (failures, None)
        assert standing(health, NOON) is Standing.WELL
        noon.shift(1)
    health = fail(BadBody("a web page instead of data"))
    assert health.rests_until == NOON + timedelta(seconds=2) + MINUTE
    assert standing(health, NOON + MINUTE) is Standing.RESTING
    assert standing(health, NOON + MINUTE + timedelta(seconds=2)) is Standing.TRIAL
    assert (health.last_result, health.last_detail) == ("bad_body", "a web page instead of data")


@pytest.mark.django_db
@pytest.mark.parametrize("error", [Blocked("refused with status 403"), Auth("no key")])
@pytest.mark.usefixtures("noon")
def test_a_source_that_turns_us_away_rests_at_once(error: SourceError) -> None:
    assert fail(error).rests_until == NOON + HOUR


@pytest.mark.django_db
def test_one_success_makes_up_for_all_failures(noon: time_machine.Traveller) -> None:
    fail(Blocked("refused with status 429"))
    noon.shift(2 * HOUR)
    note([Report("tencent", datetime.now(UTC))])
    health = SourceHealth.objects.get()
    assert (health.failures, health.rests_until, health.last_ok_at) == (0, None, NOON + 2 * HOUR)
    assert health.last_failure_at == NOON
    assert fail(Blocked("refused with status 429")).rests_until == NOON + 3 * HOUR


@pytest.mark.django_db
@pytest.mark.usefixtures("noon")
def test_that_a_source_has_nothing_is_no_failure() -> None:
    health = fail(NoData("the source has no bars"))
    assert (health.failures, health.last_ok_at) == (0, NOON)


@pytest.mark.django_db
@pytest.mark.usefixtures("noon")
def test_a_question_that_was_not_sent_says_nothing_of_a_source() -> None:
    make_health("tencent", failures=2)
    assert fail(NotAsked("none of the instruments has a code here")).failures == 2


@pytest.mark.django_db
def test_a_source_that_refuses_the_question_itself_is_not_asked_it_for_ever(noon: time_machine.Traveller) -> None:
    for failures in (1, 2, 3):
        health = fail(BadRequest("the request was refused (status 418)"))
        assert health.failures == failures
        noon.shift(1)
    assert standing(health, datetime.now(UTC)) is Standing.RESTING


@pytest.mark.django_db
def test_the_first_refusal_after_other_failures_costs_an_hour(noon: time_machine.Traveller) -> None:
    make_health("tencent", failures=7, last_result="retry", last_failure_at=NOON - HOUR)
    health = fail(Blocked("refused with status 403"))
    assert (health.failures, health.rests_until) == (1, NOON + HOUR)


@pytest.mark.django_db
def test_a_success_that_was_under_way_does_not_make_up_for_a_refusal(noon: time_machine.Traveller) -> None:
    fail(Blocked("refused with status 403"))
    noon.shift(1)
    note([Report("tencent", NOON - timedelta(seconds=3))])
    assert SourceHealth.objects.get().rests_until == NOON + HOUR


@pytest.mark.django_db
def test_requests_that_were_under_way_together_fail_once(noon: time_machine.Traveller) -> None:
    fail(Blocked("refused with status 429"))
    noon.shift(5)
    assert fail(Blocked("refused with status 429"), asked_at=NOON - MINUTE).failures == 1
    assert fail(Blocked("refused with status 429"), asked_at=NOON + MINUTE).failures == 2


@pytest.mark.django_db
def test_a_trial_is_claimed_by_one_job_and_costs_another_pause_if_it_dies(noon: time_machine.Traveller) -> None:
    health = fail(Blocked("refused with status 429"))
    noon.shift(2 * HOUR)
    now = datetime.now(UTC)
    assert claim_trial(health, now)
    assert not claim_trial(health, now)
    assert standing(SourceHealth.objects.get(), now) is Standing.RESTING
    assert SourceHealth.objects.get().rests_until == now + HOUR


@pytest.mark.django_db
def test_a_trial_that_fails_doubles_the_pause(noon: time_machine.Traveller) -> None:
    health = fail(Blocked("refused with status 429"))
    noon.shift(2 * HOUR)
    claim_trial(health, datetime.now(UTC))
    assert fail(Blocked("refused with status 429")).rests_until == NOON + 4 * HOUR


@pytest.mark.django_db
def test_sources_that_failed_lately_are_asked_last() -> None:
    make_health("tencent", failures=2)
    make_health("sina")
    sources = [Source("tencent"), Source("eastmoney"), Source("sina")]
    assert [source.site for source in in_order(sources, remembered())] == ["eastmoney", "sina", "tencent"]


@pytest.mark.django_db
def test_a_success_is_noted_once_a_minute(noon: time_machine.Traveller) -> None:
    for seconds, noted in ((0, 0), (59, 0), (2, 61)):
        noon.shift(seconds)
        note([Report("tencent", datetime.now(UTC))])
        assert SourceHealth.objects.get().last_ok_at == NOON + timedelta(seconds=noted)
