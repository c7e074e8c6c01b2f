"""Which kinds of error somebody has let be: `decide` and the fold of such a stream, `ignore-<fingerprint>`. Pure.

An event holds a message of the kind, and not only its fingerprint: where the rules for what is alike get better, the
kind is what that message is of by the new ones. As of a queue's pauses, the last event alone is the fold of them all.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import assert_never

import msgspec

from eventqueue.errors import LogCorrupt
from eventqueue.model import readable
from eventqueue.model.events import EMPTY, Event, Head, Recorded, name_in, register, type_of
from eventqueue.model.fingerprint import READ_MAX, fingerprint

CATEGORY = "ignore"
KINDS_KEPT = 20_000  # messages of which it is kept what kind they are of, for whoever looks again and again


class Ignored(Event, frozen=True, kw_only=True, tag="ignored"):
    """Failures with a message like this one are of no concern: until then, if that is said."""

    like: str  # READ_MAX characters of it, by which it is told what it is alike
    until: datetime | None = None
    why: str | None = None


class Unignored(Event, frozen=True, kw_only=True, tag="unignored"):
    """They are of concern again."""

    why: str | None = None


IgnoreEvent = Ignored | Unignored

register(CATEGORY, Ignored, Unignored)


class Ignoring(msgspec.Struct, frozen=True):
    """Errors of a kind are ignored: since when, by whom and, if that was said, until when and why."""

    since: datetime
    by: str
    until: datetime | None = None
    why: str | None = None

    def holds(self, at: datetime) -> bool:
        """Whether it is not over yet."""
        return self.until is None or at < self.until


class Disregard(msgspec.Struct, frozen=True):
    """How a kind of error stands: the fold of its stream up to `head`; `ignoring` is None while it is of concern.

    `like`: a message of the kind. `problem`: why the last event says nothing, if it cannot be read; then those before
    it hold.
    """

    head: Head = EMPTY
    ignoring: Ignoring | None = None
    like: str = ""
    problem: str | None = None

    @property
    def kind(self) -> str:
        """The fingerprint of the message, by today's rules."""
        return kind_of(self.like[:READ_MAX])


kind_of = lru_cache(KINDS_KEPT)(fingerprint)


HEEDED = Disregard()
"""How a kind of error stands that was never ignored."""


class Ignore(msgspec.Struct, frozen=True):
    """Let failures be that have a message like this one."""

    like: str
    until: datetime | None = None
    why: str | None = None


class Unignore(msgspec.Struct, frozen=True):
    """Heed them again."""

    why: str | None = None


Command = Ignore | Unignore


def decide(there: Disregard, command: Command, at: datetime) -> list[IgnoreEvent]:
    """Return what has to happen; nothing where the kind stands as it should already, beyond doubt.

    That is no refusal. Another time or another reason is something new; where none is given the one it has stays.
    """
    now = there.ignoring if there.problem is None and there.ignoring and there.ignoring.holds(at) else None
    match command:
        case Ignore(like=like, until=until, why=why):
            is_so = now is not None and now.until == until and why in (None, now.why)
            kept = why if why is not None or now is None else now.why
            return [] if is_so else [Ignored(like=like[:READ_MAX], until=until, why=kept)]
        case Unignore(why=why):
            return [] if now is None and there.problem is None else [Unignored(why=why)]
        case _:
            assert_never(command)


def evolve(recorded: Recorded) -> Disregard:
    """Return how a kind stands after an event, whatever was before. Raises LogCorrupt for one that is no kind's."""
    match recorded.event:
        case Ignored(like=like, until=until, why=why):
            return Disregard(recorded.head, Ignoring(recorded.at, recorded.actor, until, why), like)
        case Unignored():
            return Disregard(recorded.head)
        case event:
            raise LogCorrupt(f"{recorded.stream} holds a `{type_of(event)}`, which happens to no kind of error.")


def after(history: Sequence[bytes]) -> Disregard:
    """Return how a kind stands after a stream's stored events, passing over what cannot be read or is no kind's."""
    there, head, problem = readable.last_good(history, evolve, HEEDED)
    return Disregard(head, there.ignoring, there.like, problem)


class IgnoredKind(msgspec.Struct, frozen=True):
    """A kind of error that is ignored: `like` is a message of it."""

    fingerprint: str
    like: str
    ignored: Ignoring


class Known(msgspec.Struct, frozen=True):
    """What is ignored at a moment, by fingerprint; `problems`: what could not be read of it, each a sentence."""

    kinds: Mapping[str, IgnoredKind]
    problems: Sequence[str] = ()


NOTHING = Known({})
"""What is ignored where nobody ever said so."""


def known(found: Iterable[tuple[str, Disregard]], at: datetime) -> Known:
    """Return what is ignored at a moment, by streams; what was said of a kind twice, as it was said last."""
    told = [*found]
    said = [IgnoredKind(one.kind, one.like, one.ignoring) for _, one in told if one.ignoring is not None]
    last = {one.fingerprint: one for one in sorted(said, key=lambda one: one.ignored.since)}
    problems = [sentence for stream, one in told if (sentence := problem_of(stream, one)) is not None]
    return Known({of: one for of, one in last.items() if one.ignored.holds(at)}, problems)


def problem_of(stream: str, there: Disregard) -> str | None:
    """Return the sentence on what cannot be read of a stream, if something cannot."""
    if there.problem is None:
        return None
    state = "ignored" if there.ignoring else "heeded"
    return (
        f"Errors of kind {name_in(stream)} stay {state}, as they were before an event that is passed over: "
        f"{there.problem} `queuectl dlq ignore` or `unignore` makes it sure."
    )
