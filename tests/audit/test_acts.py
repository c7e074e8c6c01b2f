"""What the log tells of an act on many jobs, held against how one goes."""

import pytest

from eventqueue.audit.acts import Going
from eventqueue.model.acts import ActBegun, ActEnded
from eventqueue.model.events import Event

BEGUN = ActBegun(what="cancel", jobs=3, filter="")
OPEN = ActBegun(what="cancel")  # for as many as come
ENDED = ActEnded(done=1, already=1, refused=1)


def faults(*events: Event | None) -> list[str]:
    """What is said of these events; None: one that cannot be read."""
    going, found = Going(), list[str]()
    for one in events:
        if one is None:
            going.pass_over()
        else:
            found += going.faults(one)
    return found


@pytest.mark.parametrize("events", [(BEGUN,), (BEGUN, ENDED), (OPEN, ENDED), (None, ENDED), (BEGUN, None, ENDED)])
def test_an_act_that_begins_and_ends_is_sound_and_so_is_one_whose_end_was_not_told(events: tuple[Event, ...]) -> None:
    assert faults(*events) == []


@pytest.mark.parametrize(
    ("events", "said"),
    [
        ((ENDED,), "an act ends that has not begun"),
        ((BEGUN, BEGUN), "an act begins a second time"),
        ((BEGUN, ENDED, ENDED), "something is told of an act that is over"),
        ((BEGUN, ENDED, BEGUN), "something is told of an act that is over"),
        ((BEGUN, ActEnded(done=2)), "its sum is 2, and it was begun for 3"),
        ((BEGUN, ActEnded(done=5, refused=-2)), "fewer than no jobs are told of in its sum"),
        ((BEGUN, ActEnded(done=2, untried=2)), "its sum is 4, and it was begun for 3"),
    ],
)
def test_one_that_cannot_have_gone_so_is_told(events: tuple[Event, ...], said: str) -> None:
    assert faults(*events) == [said]
