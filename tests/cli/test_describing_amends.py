"""What was changed of a job, as its history tells it."""

import pytest

from eventqueue.model.events import Recorded
from eventqueue.model.job import decide
from eventqueue.telling import documents
from eventqueue.telling.describe import describe
from tests.builders import NOW, amend, claimed, enqueued, failed, history, job

FIRST = enqueued(env={"KEY": "hush"}, timeout=90)
ALL = amend(
    "the customer waits",
    priority=5,
    queue="mail",
    delay=60,
    max_retries=9,
    timeout=600,
    env={"KEY": "psst"},
    tags=["a", "b"],
    command="make all",
)
(_, AMENDED) = history(FIRST, *decide(job(FIRST), ALL, NOW))
FAILS = (FIRST, claimed(), failed())
RETRY_AMENDED = history(*FAILS, *decide(job(*FAILS), ALL, NOW))[-1]


def test_each_field_is_told_from_what_to_what() -> None:
    assert describe(AMENDED) == (
        "priority from 0 to 5; queue from default to mail; time from 2026-01-01T00:00:00Z to 2026-01-01T00:01:00Z; "
        "retries from 3 to 9; timeout from 1 min 30 s to 10 min; environment: KEY set anew; tags from none to a, b; "
        "command from “true” to “make all”; the customer waits"
    )


@pytest.mark.parametrize("recorded", [AMENDED, RETRY_AMENDED])
def test_the_values_of_an_environment_are_hidden_unless_they_are_asked_for(recorded: Recorded) -> None:
    hidden, shown = (str(documents.event(recorded, None, show_env=show)) for show in (False, True))

    assert "hush" not in hidden
    assert "psst" not in hidden
    assert "KEY" in hidden
    assert "hush" in shown
    assert "psst" in shown
