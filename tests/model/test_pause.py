"""Whether a queue is paused: what may happen to it, and that its last event says all."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventqueue.errors import LogCorrupt
from eventqueue.model.events import EMPTY, Head, Paused, QueueEvent, Resumed
from eventqueue.model.pause import (
    OPEN,
    Pause,
    PauseQueue,
    ResumeQueue,
    Valve,
    decide,
    evolve,
    fold,
    last_good,
    valve_after,
)
from eventqueue.model.readable import FAR
from tests.builders import NOW, append, enqueued, history, said

PAUSED = fold(history(Paused(why="the mail server moves"), stream="queue-mail"))
RESUMED = fold(history(Paused(), Resumed(), stream="queue-mail"))


def test_a_pause_tells_since_when_by_whom_and_why() -> None:
    assert PAUSED.pause == Pause(NOW, "test", "the mail server moves")
    assert OPEN.pause is None
    assert RESUMED.pause is None


@pytest.mark.parametrize("valve", [OPEN, RESUMED])
def test_an_open_queue_can_be_paused_and_stays_open_where_it_is_resumed(valve: Valve) -> None:
    assert decide(valve, PauseQueue("why")) == [Paused(why="why")]
    assert decide(valve, ResumeQueue()) == []


def test_a_paused_queue_can_be_resumed_and_stays_as_it_is_where_it_is_paused_again() -> None:
    assert decide(PAUSED, ResumeQueue()) == [Resumed()]
    assert decide(PAUSED, PauseQueue("another reason")) == []


@given(st.lists(st.sampled_from([PauseQueue(), PauseQueue("why"), ResumeQueue()]), min_size=1))
def test_the_last_event_alone_says_how_a_queue_stands(commands: list[PauseQueue | ResumeQueue]) -> None:
    events: list[QueueEvent] = []
    valve = OPEN
    for number, command in enumerate(commands):
        new = history(*decide(valve, command), stream="queue-mail", head=valve.head, now=NOW + timedelta(number))
        events += decide(valve, command)
        valve = fold(new, valve)
        assert (valve.pause is not None) is isinstance(command, PauseQueue)
        assert not new or evolve(new[-1]) == valve

    assert valve.head.version == len(events)


@pytest.mark.parametrize("event", [said(1), enqueued()])
def test_what_happens_to_no_queue_is_no_pause_and_no_resumption(event: QueueEvent) -> None:
    with pytest.raises(LogCorrupt, match="queue-mail"):
        fold(history(event, stream="queue-mail", head=EMPTY))


def test_a_stream_goes_on_from_wherever_people_have_come_to() -> None:
    """Also beyond the height from which an event counts that follows one alone."""
    head = Head(FAR - 1, b"h" * 32)
    high = append("queue-mail", Paused(why="one"), Resumed(), Paused(why="more"), head=head).events
    raws = [one.raw for one in high]

    assert valve_after(raws).head.version == FAR + 2
    assert [last_good(raws[:number]).pause is not None for number in (1, 2, 3)] == [True, False, True]
    assert valve_after(raws[2:]) == OPEN


def test_of_several_events_that_are_passed_over_the_last_is_told() -> None:
    known = append("queue-mail", Paused(why="known")).events
    foreign = append("queue-mail", said(1), head=known[-1].recorded.head).events
    unreadable = (
        append("queue-mail", Resumed(), head=foreign[-1].recorded.head).events[0].raw.replace(b"resumed", b"resumex")
    )

    one, other = last_good([known[0].raw, foreign[0].raw]), last_good([known[0].raw, foreign[0].raw, unreadable])

    assert (one.pause, other.pause) == (evolve(known[0].recorded).pause,) * 2
    assert one.problem is not None
    assert other.problem not in (None, one.problem)
    assert other.head.version == 3
