"""Which events a trail is of: what people did, and of the past what there was by then."""

from datetime import datetime, timedelta

import pytest
from msgspec.structs import replace

from eventqueue.model.events import Cancelled, Event, Retried, RetryCause
from eventqueue.model.figures import instant
from eventqueue.web.drawing.trail import AHEAD, Trail, _is_deed, _wanted
from tests.builders import history, said
from tests.web.sites import NOW, THEN, asking


@pytest.mark.parametrize(
    ("event", "actor", "is_deed"),
    [
        (Retried(cause=RetryCause.OPERATOR), "cli/ann", True),
        (Retried(cause=RetryCause.OPERATOR, act="an-act"), "cli/ann", False),
        (Retried(cause=RetryCause.BACKOFF), "anything/host:1", False),
        (Cancelled(why="asked for"), "web/ann", True),
        (Cancelled(why="it expired"), "worker/host:1", False),
        (said("something"), "cli/ann", True),
        (said("something"), "supervisor/host:1", False),
    ],
)
def test_a_deed_is_what_somebody_did_and_what_no_act_on_many_tells_of(event: Event, actor: str, is_deed: bool) -> None:
    (one,) = history(event)

    assert _is_deed(replace(one, actor=actor)) is is_deed


@pytest.mark.parametrize(
    ("then", "until", "latest"),
    [
        (None, "", NOW + AHEAD),
        (None, instant(THEN), THEN),
        (THEN, "", THEN),
        (THEN, instant(NOW), THEN),
        (THEN, instant(THEN - timedelta(days=1)), THEN - timedelta(days=1)),
    ],
)
def test_nothing_is_told_that_came_after_the_time_that_one_looks_at(
    then: datetime | None, until: str, latest: datetime
) -> None:
    assert _wanted(asking(then), Trail(until=until)).until == latest
