"""What all jobs keep to, whichever they are: ids for arguments, JSON on the way, an end in time, no results left."""

from __future__ import annotations

import inspect
from typing import Any

import pytest
from django.conf import settings
from kombu.exceptions import ContentDisallowed
from kombu.serialization import dumps, loads, prepare_accept_content

from config.celery import app

app.loader.import_default_modules()
OURS = {name: task for name, task in app.tasks.items() if not name.startswith("celery.")}


def test_there_are_jobs() -> None:
    assert {"valuations.tasks.refresh_batch", "valuations.tasks.plan_refreshes"} <= OURS.keys()


@pytest.mark.parametrize("task", OURS.values(), ids=OURS)
def test_the_arguments_of_a_job_are_numbers_of_rows(task: Any) -> None:
    parameters = inspect.signature(task.run, eval_str=True).parameters.values()
    assert all(parameter.annotation is int for parameter in parameters)


def test_a_job_in_another_form_than_json_is_refused() -> None:
    accepted = prepare_accept_content(app.conf.accept_content)
    kind, encoding, content = dumps({"run_id": 1}, serializer="pickle")
    with pytest.raises(ContentDisallowed):
        loads(content, kind, encoding, accept=accepted)
    kind, encoding, content = dumps({"run_id": 1}, serializer=app.conf.task_serializer)
    assert loads(content, kind, encoding, accept=accepted) == {"run_id": 1}


@pytest.mark.parametrize("task", OURS.values(), ids=OURS)
def test_a_job_ends_in_time_and_is_not_given_to_a_second_worker_before(task: Any) -> None:
    soft = task.soft_time_limit or app.conf.task_soft_time_limit
    hard = task.time_limit or app.conf.task_time_limit
    assert 0 < soft < hard < settings.JOB_REDELIVERY_SECONDS
    assert app.conf.broker_transport_options["visibility_timeout"] == settings.JOB_REDELIVERY_SECONDS
    # What one document may take ends before the job that reads it.
    assert max(settings.DOCUMENT_TIMEOUT, settings.DOCUMENT_TIME_LIMIT) < soft


@pytest.mark.parametrize("task", OURS.values(), ids=OURS)
def test_a_job_leaves_no_result_behind(task: Any) -> None:
    assert task.ignore_result


def test_a_planned_job_that_nobody_took_in_time_is_gone_when_the_next_comes() -> None:
    assert app.conf.beat_schedule
    for entry in app.conf.beat_schedule.values():
        assert entry["options"]["expires"] <= entry["schedule"]
        assert entry["schedule"] >= 60  # minutes, never seconds
