"""What is done to many jobs at once: the events of `act-<id>`, one stream an act. Nothing follows from them.

What became of a job is told in its own stream, by events that name the act.
"""

from eventqueue.model.events import Event, register

CATEGORY = "act"


class ActBegun(Event, frozen=True, kw_only=True, tag="act-begun"):
    """Somebody does `what` (a name of `deeds`) to jobs: to so many, if that was known, by a filter or by their ids.

    `fields`: the names of what was to be changed.
    """

    what: str
    jobs: int | None = None
    filter: str | None = None  # as a text, empty: to all that it is for; None: to those that were named
    fields: tuple[str, ...] = ()
    why: str | None = None


class ActEnded(Event, frozen=True, kw_only=True, tag="act-ended"):
    """The act is over: how many jobs it was done to, and what is to be said of the others.

    `untried`: those that it did not come to, where it was known how many there were.
    """

    done: int
    already: int = 0  # were so before
    refused: int = 0
    untried: int = 0
    in_doubt: int = 0  # were changed or not: that was not waited for


ActEvent = ActBegun | ActEnded

register(CATEGORY, ActBegun, ActEnded)
