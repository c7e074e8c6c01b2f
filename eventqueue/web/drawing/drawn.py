"""Phases of a job in words, and in the classes that they are drawn with. Pure."""

from eventqueue.audit.phases import Kind, Phase
from eventqueue.model.events import Claimed, Failed, type_of
from eventqueue.telling.words import sentence, span
from eventqueue.telling.zone import moment

_WORDS = {
    Kind.LATER: "waits for its time",
    Kind.WAITING: "waits for a worker",
    Kind.BACKOFF: "waits for its retry",
    Kind.ENDED: "had ended",
}


def told_of(phase: Phase) -> str:
    """Return a phase in a line: what it is, how long it was, when it began, and how it ended."""
    event, until = phase.since.event, phase.until
    lasts = span(phase.lasts.total_seconds())
    begin = f"from {moment(phase.begin, 'seconds')}"
    if not isinstance(event, Claimed):
        return sentence(f"{_WORDS[phase.kind]}, {lasts}", begin)
    if until is None:
        return sentence(f"attempt {event.attempt} runs, {lasts}", begin, f"on {event.host}")
    error = until.event.error.told if isinstance(until.event, Failed) else None
    return sentence(f"attempt {event.attempt} ran {lasts}", begin, f"on {event.host}", type_of(until.event), error)


def class_of(phase: Phase) -> str:
    """Return the class of a phase: of an attempt that has ended its outcome's, too."""
    if phase.kind is not Kind.RUNNING or phase.until is None:
        return phase.kind.value
    return f"{phase.kind.value} {type_of(phase.until.event)}"
