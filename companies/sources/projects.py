"""Applications to list as the exchanges' own pages show them: who applies, and how far it has come. No Django."""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum


class Stage(StrEnum):
    """How far an application has come, in the order of a smooth one; then the ways in which it is held up or ends."""

    ACCEPTED = "accepted"  # 已受理
    INQUIRED = "inquired"  # 已问询
    COMMITTEE = "committee"  # 上市委会议, no result stated
    COMMITTEE_PASSED = "committee_passed"
    COMMITTEE_PASSED_ON_CONDITIONS = "committee_passed_on_conditions"
    COMMITTEE_DEFERRED = "committee_deferred"  # 暂缓审议
    COMMITTEE_REFUSED = "committee_refused"
    REGISTRATION_SUBMITTED = "registration_submitted"  # 提交注册
    REGISTRATION = "registration"  # 注册结果, not stated which
    REGISTRATION_EFFECTIVE = "registration_effective"  # 注册生效
    REGISTRATION_REFUSED = "registration_refused"  # 不予注册
    REGISTRATION_TERMINATED = "registration_terminated"  # 终止注册
    ISSUED = "issued"  # 已发行
    PAUSED = "paused"  # 中止
    TERMINATED = "terminated"  # 终止
    REVIEW_AGAIN = "review_again"  # 复审委会议
    REVIEW_AGAIN_PASSED = "review_again_passed"
    REVIEW_AGAIN_REFUSED = "review_again_refused"
    FURTHER_REVIEW = "further_review"  # 补充审核
    UNKNOWN = "unknown"  # see the code, which is kept as the exchange states it


@dataclass(frozen=True, slots=True)
class Status:
    """A stage, and the exchange's own code or word for it ("3-1", "已问询")."""

    stage: Stage
    code: str


@dataclass(frozen=True, slots=True)
class StatusChange:
    """An application took a step on a day (local); None when the exchange draws the step without a date."""

    project: str  # the exchange's number of the application; "" when the reply does not repeat it
    status: Status
    day: date | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """One application to list. (`source`, `key`) names it for good; days are local, moments UTC."""

    source: str
    key: str
    name: str
    short_name: str = ""
    ticker: str = ""  # given late, "" before
    board: str = ""  # the exchange's code or word
    status: Status
    accepted_on: date | None = None
    updated_on: date | None = None
    updated_at: datetime | None = None
    to_raise: Decimal | None = None  # yuan
    sponsors: tuple[str, ...] = ()
    province: str = ""
