"""All jobs that fit a filter, of one state after the other, and each of them once."""

from collections.abc import Sequence

from msgspec.structs import replace

from eventqueue.audit.filters import text_of
from eventqueue.errors import Unavailable
from eventqueue.model.job import State
from eventqueue.ports.views import Filter, Found, Lag, Views


def split(wanted: Filter, states: Sequence[State]) -> tuple[Filter, ...]:
    """Return a filter for each of the states that `wanted` names, or, where it names none, of these."""
    if wanted.state is not None:
        return (wanted,)
    several = tuple(dict.fromkeys(wanted.state_in or states))
    return tuple(replace(wanted, state=one, state_in=()) for one in several) or (wanted,)


def found_by(views: Views, wanted: Filter, states: Sequence[State], lag: Lag) -> Found:
    """Return the ids of all that fit, or, where no state is named, of these: state after state, the oldest first."""
    filters = split(wanted, states)
    ids: dict[str, None] = {}  # a job that goes from one state to another meanwhile is found twice
    running = 0
    for one in filters:
        some = [*views.ids(one)][::-1]
        running += len(some) if one.state is State.PROCESSING else 0
        ids |= dict.fromkeys(some)
    return Found([*ids], lag, filters, running, wanted.state_in)


def text_of_found(found: Found) -> str | None:
    """Return as a text by what they were found, None where nobody said; of several states those that were named."""
    if not found.wanted:
        return None
    one, *others = found.wanted
    return text_of(replace(one, state=None, state_in=found.named) if others else one)


def check_whole(lag: Lag, undone: str) -> None:
    """Raise Unavailable where the view that jobs are found in was behind, so that not all are: nothing is half done.

    `undone`: what was therefore not done, such as `exported`.
    """
    if not lag.is_fresh:
        raise Unavailable(
            "Which jobs fit is not known, as the view is behind the log: `queuectl doctor` shows why. Nothing was "
            f"{undone}."
        )
