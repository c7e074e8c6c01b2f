"""Whether a queue is paused: `decide` and the fold of its stream, `queue-<name>`. Pure.

Each event says all there is to say, so the last one alone is the fold of them all: to look costs the same after a
thousand pauses as after one.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import assert_never

import msgspec

from eventqueue.errors import LogCorrupt
from eventqueue.model import readable
from eventqueue.model.codec import decode
from eventqueue.model.events import EMPTY, Head, Paused, QueueEvent, Recorded, Resumed, type_of

CATEGORY = "queue"


class Pause(msgspec.Struct, frozen=True):
    """A queue is paused: since when, by whom and, if that was said, why."""

    since: datetime
    by: str
    why: str | None = None


class Valve(msgspec.Struct, frozen=True):
    """Whether a queue's jobs may be claimed: the fold of its stream up to `head`; `pause` is None while they may.

    `problem`: why the last event says nothing, if it cannot be read; then those before it hold.
    """

    head: Head = EMPTY
    pause: Pause | None = None
    problem: str | None = None


OPEN = Valve()
"""The valve of a queue that was never paused."""


class PauseQueue(msgspec.Struct, frozen=True):
    """Have nothing of the queue claimed."""

    why: str | None = None


class ResumeQueue(msgspec.Struct, frozen=True):
    """Have the queue's jobs claimed again."""

    why: str | None = None


Command = PauseQueue | ResumeQueue


def decide(valve: Valve, command: Command) -> list[QueueEvent]:
    """Return what has to happen; nothing where the queue is as it should be already, beyond doubt.

    That is no refusal: who pauses a queue wants it to be paused, and a script may be run twice.
    """
    is_sure = valve.problem is None
    match command:
        case PauseQueue(why=why):
            return [] if is_sure and valve.pause is not None else [Paused(why=why)]
        case ResumeQueue(why=why):
            return [] if is_sure and valve.pause is None else [Resumed(why=why)]
        case _:
            assert_never(command)


def evolve(recorded: Recorded) -> Valve:
    """Return the valve after an event, whatever it was before. Raises LogCorrupt for an event that is no queue's."""
    match recorded.event:
        case Paused(why=why):
            return Valve(recorded.head, Pause(recorded.at, recorded.actor, why))
        case Resumed():
            return Valve(recorded.head)
        case event:
            raise LogCorrupt(f"{recorded.stream} holds a `{type_of(event)}`, which happens to no queue.")


def valve_after(history: Sequence[bytes]) -> Valve:
    """Return the valve after a stream's stored events: by the last one alone, if it can be read."""
    came_to = readable.reached(history)
    try:
        return evolve(decode(came_to[-1])) if came_to else OPEN
    except LogCorrupt:
        return last_good(came_to)


def last_good(history: Sequence[bytes]) -> Valve:
    """Return the valve after a stream's stored events, passing over what cannot be read or happens to no queue."""
    valve, head, problem = readable.last_good(history, evolve, OPEN)
    return Valve(head, valve.pause, problem)


def fold(history: Iterable[Recorded], valve: Valve = OPEN) -> Valve:
    """Return the valve after all events of a history."""
    for recorded in history:
        valve = evolve(recorded)
    return valve


def problems_of(valves: Mapping[str, Valve]) -> Mapping[str, str]:
    """Return, by queue, the sentences on what cannot be read of how queues stand."""
    told = ((queue, problem_of(queue, valve)) for queue, valve in valves.items())
    return {queue: sentence for queue, sentence in told if sentence is not None}


def problem_of(queue: str, valve: Valve) -> str | None:
    """Return the sentence on what cannot be read of how a queue stands, if something cannot."""
    if valve.problem is None:
        return None
    state = "open" if valve.pause is None else "paused"
    return (
        f"Queue {queue} stays {state}, as it was before an event that is passed over: {valve.problem} "
        "`queuectl queue pause` or `resume` makes it sure."
    )
