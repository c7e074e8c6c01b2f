"""What people do to jobs, each deed once: how it is called, to which jobs it can be done, how it is told. Pure."""

import msgspec

from eventqueue.model.events import Amended, Cancelled, Enqueued, Event, Retried, RetryAmended
from eventqueue.model.job import State


class Deed(msgspec.Struct, frozen=True, kw_only=True):
    """`name`: as an act's `what` in the log, where it is done to many, and `events`: what it leads to in each stream.

    `states`: of which jobs it is meant where no state is named; `others`: those that have to be asked for by name.
    """

    name: str
    asks: str  # such as `Cancel {}?`
    said: str  # what became of a job that it was done to
    states: tuple[State, ...]
    others: tuple[State, ...] = ()
    events: tuple[type[Event], ...]

    @property
    def possible(self) -> tuple[State, ...]:
        """In which states a job may be that it is done to."""
        return tuple(dict.fromkeys((*self.states, *self.others)))

    @property
    def kills(self) -> bool:
        """Whether it ends what runs."""
        return State.PROCESSING in self.possible

    def sentence(self, number: int) -> str:
        """Return what has become of so many jobs."""
        if number == 1:
            return f"job {self.said}"
        first, _, rest = self.said.partition(" ")
        return f"jobs {'are' if first == 'is' else first.removesuffix('s')} {rest}"

    def of(self, *states: State) -> "Deed":
        """Return the same for jobs in these states, and no others."""
        return msgspec.structs.replace(self, states=states, others=())


CANCEL = Deed(
    name="cancel",
    asks="Cancel {}?",
    said="is cancelled",
    states=(State.PENDING, State.FAILED, State.PROCESSING),
    others=(State.DEAD,),
    events=(Cancelled,),
)
RETRY = Deed(
    name="retry",
    asks="Retry {}?",
    said="is pending again",
    states=(State.FAILED, State.DEAD),
    others=(State.CANCELLED,),
    events=(Retried,),
)
AMEND = Deed(
    name="amend",
    asks="Change {}?",
    said="waits as asked",
    states=(State.PENDING, State.FAILED),
    events=(Amended, RetryAmended),
)
RESTART = Deed(
    name="restart",
    asks="Restart {}?",
    said="is restarted",
    states=(State.DEAD,),  # what somebody has cancelled, or has worked, is not done again unless it is asked for
    others=(State.COMPLETED, State.CANCELLED),
    events=(Enqueued,),
)

# The same in the log, and asked for otherwise.
RUN_NOW = msgspec.structs.replace(AMEND, asks="Have {} be due now?", said="is due")
DISCARD = msgspec.structs.replace(CANCEL.of(State.DEAD), asks="Discard {}?")

DEEDS = {one.name: one for one in (CANCEL, RETRY, AMEND, RESTART)}
"""By the names that the log has them by."""
