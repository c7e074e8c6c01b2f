"""What an exception means for the job whose task raised it. Pure."""

import sysconfig
import textwrap
import traceback
from collections.abc import Iterator
from datetime import datetime, timedelta

from eventqueue.errors import ArgumentsChanged, ResultRefused
from eventqueue.model.events import Error
from eventqueue.model.retry import LONGEST_S
from eventqueue.tasks.control import Discard, Fail, Retry, Snooze
from eventqueue.tasks.declared import Declared
from eventqueue.tasks.outcomes import USERS_OWN, Discarded, Outcome, Raised, Snoozed

NAME_MAX, MESSAGE_MAX, TRACEBACK_MAX = 500, 2_000, 16_000  # characters that are kept
CHAIN_MAX = 8  # exceptions of which one led to the next
NOTES_MAX, MEMBERS_MAX = 8, 8  # of one exception
FRAMES_MAX = 40  # of the user's code, and of others', each
LONGEST = timedelta(seconds=LONGEST_S)

OURS = ("/eventqueue/worker/python/", "/eventqueue/tasks/", "/eventqueue/testing/")  # what calls a task
LIBRARIES = tuple({sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")})


def of_error(task: Declared, error: BaseException, attempt: int, now: datetime) -> Outcome:
    """Return what is to become of the job: `error` ended its attempt number `attempt` at `now`."""
    try:
        return _meant(task, error, attempt, now)
    except USERS_OWN as worse:  # in what the error's own class does
        return Raised(Error(type="Exception", message=f"the exception cannot be told of: {type_name(worse)}"))


def _meant(task: Declared, error: BaseException, attempt: int, now: datetime) -> Outcome:
    match error:
        case Snooze():
            return Snoozed(_within(error.delay(now)))
        case Discard():
            return Discarded(message_of(error))
        case Retry(after=after):
            return Raised(_described(error), delay=None if after is None else _within(after))
        case Fail() | ArgumentsChanged() | ResultRefused():
            return Raised(_described(error), is_final=True)
    if isinstance(error, task.discard_on):
        return Discarded(_cut(_told(error), MESSAGE_MAX))
    is_final = bool(task.retry_on) and not isinstance(error, task.retry_on)
    return Raised(_described(error), is_final=is_final, delay=_delay(task, error, attempt))


def _delay(task: Declared, error: BaseException, attempt: int) -> timedelta | None:
    """Return what the task's own backoff says; None where it has none, or it says nothing that could be waited for."""
    if task.backoff is None:
        return None
    try:
        found = task.backoff(attempt, error)
        span = found if isinstance(found, timedelta) else timedelta(seconds=float(found))
        return _within(span)
    except Exception:  # it is the user's: the job's own backoff holds then
        return None


def _within(span: timedelta) -> timedelta:
    return min(max(timedelta(0), span), LONGEST)


def _described(error: BaseException) -> Error:
    text = _cut(traceback_of(error), TRACEBACK_MAX)
    return Error(type=type_name(error), message=message_of(error), traceback=text or None)


def _told(error: BaseException) -> str:
    return Error(type=type_name(error), message=message_of(error)).told


def type_name(error: BaseException) -> str:
    """Return the name of an exception's class; with its module, but for Python's own and ours."""
    kind = type(error)
    module = str(kind.__module__)
    is_plain = module == "builtins" or module.startswith("eventqueue.")
    return _cut(storable(kind.__qualname__ if is_plain else f"{module}.{kind.__qualname__}"), NAME_MAX)


def message_of(error: BaseException) -> str:
    """Return what an exception says, for a person: never nothing, and never more than fits."""
    return _cut(storable(_text(error)), MESSAGE_MAX) or type_name(error)


def _text(said: object) -> str:
    try:
        return str(said)
    except USERS_OWN as worse:
        return f"(its message cannot be read: {type_name(worse)})"


def traceback_of(error: BaseException, depth: int = 0) -> str:
    """Return where an exception came from: of each that led to it the user's frames, then those of libraries.

    Without the frames of eventqueue and without the values of any variable, which may be secret. Of a group its members
    follow, each further in.
    """
    parts = []
    for one in _chain(error):
        own, others = _frames(one)
        lines = [*own, *(["  in libraries:\n", *others] if others else [])]
        said = [f"{_told(one)}\n", *_notes(one), *_members(one, depth)]
        parts.append("".join([*lines, *said]))
    return storable("which led to:\n".join(parts))


def _notes(error: BaseException) -> Iterator[str]:
    notes = getattr(error, "__notes__", None)
    for note in notes[:NOTES_MAX] if isinstance(notes, list | tuple) else ():
        yield f"{_cut(_text(note), MESSAGE_MAX)}\n"


def _members(error: BaseException, depth: int) -> Iterator[str]:
    if isinstance(error, BaseExceptionGroup) and depth < CHAIN_MAX:
        for number, one in enumerate(error.exceptions[:MEMBERS_MAX], 1):
            yield f"member {number} of {len(error.exceptions)}:\n"
            yield textwrap.indent(traceback_of(one, depth + 1), "  ")


def _chain(error: BaseException) -> list[BaseException]:
    """Return what led to an exception, the first first."""
    found = [error]
    while len(found) < CHAIN_MAX:
        last = found[-1]
        before = last.__cause__ or (None if last.__suppress_context__ else last.__context__)
        if before is None or any(before is one for one in found):
            break
        found.append(before)
    return found[::-1]


def _frames(error: BaseException) -> tuple[list[str], list[str]]:
    own: list[str] = []
    others: list[str] = []
    for frame in _outside(error):
        (others if frame.filename.startswith(LIBRARIES) else own).extend(traceback.format_list([frame]))
    return own[-FRAMES_MAX:], others[-FRAMES_MAX:]


def _outside(error: BaseException) -> Iterator[traceback.FrameSummary]:
    for frame in traceback.extract_tb(error.__traceback__):
        if not any(part in frame.filename for part in OURS):
            yield frame


def storable(text: str) -> str:
    return text.encode(errors="backslashreplace").decode()


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"…{text[-(most - 1) :]}" if most == TRACEBACK_MAX else f"{text[: most - 1]}…"
