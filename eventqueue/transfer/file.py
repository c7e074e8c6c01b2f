"""Reading an export's file: first all of it, whether it is whole, and only then what is in it."""

from collections.abc import Callable, Generator, Iterator
from contextlib import suppress
from hashlib import sha256
from typing import BinaryIO

import msgspec
from bson.timestamp import Timestamp

from eventqueue.audit.seals import SEALS, LogSealed, seal_of, untimely
from eventqueue.errors import LogCorrupt, Refused
from eventqueue.model.codec import decode
from eventqueue.model.envelope import place_in
from eventqueue.transfer.lines import FORMAT, VERSION, First, Last, line_of
from eventqueue.transfer.storable import fault_of

LINE_MAX = 64 * 1024 * 1024  # bytes: an event has 16 MB at most, and a line three times that
TELL_EVERY = 1000  # events


_LAST = b'{"events":'  # as the last line begins, and no event's


class _Form(msgspec.Struct):
    format: str
    version: int


class _Event(msgspec.Struct):
    raw: bytes


class Export(msgspec.Struct, frozen=True):
    """A file that was found to be a whole export; `sealed_until`: up to which `ts` a seal in it has all there is."""

    path: str
    first: First
    last: Last
    sealed_until: Timestamp = Timestamp(0, 0)

    def events(self) -> Iterator[bytes]:
        """Yield the stored events in it. Raises Refused where it is another file by now."""
        with open(self.path, "rb") as file:
            last = yield from _events(self.path, file)
        if last != self.last:
            raise Refused(f"{self.path} was written to meanwhile: import it again, once nobody does.")


def check(path: str, progress: Callable[[int], object] = lambda _: None) -> Export:
    """Read a file to its end, and return what it is. `progress` is told the number of events so far.

    Raises Refused for one that is cut, altered or no export, OSError where it cannot be read.
    """
    with open(path, "rb") as file:
        first = _first(path, file.readline(LINE_MAX))
        file.seek(0)
        events, number, sealed_until = _events(path, file), 0, Timestamp(0, 0)
        while True:
            try:
                sealed_until = max(sealed_until, _sealed_until(next(events)))
            except StopIteration as end:
                return Export(path, first, end.value, sealed_until)
            number += 1
            if number % TELL_EVERY == 0:
                progress(number)


def _first(path: str, line: bytes) -> First:
    try:
        form = msgspec.json.decode(line, type=_Form)
        if form.format == FORMAT and 1 <= form.version <= VERSION:
            return msgspec.json.decode(line, type=First)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        form = _Form("", 0)
    if form.format == FORMAT and form.version > VERSION:
        raise Refused(f"{path} is an export of form {form.version}, and this eventqueue knows {VERSION}: upgrade it.")
    raise Refused(f"{path} is no export: `queuectl audit export --out FILE` writes one.")


def _events(path: str, file: BinaryIO) -> Generator[bytes, None, Last]:
    digest, number = sha256(file.readline(LINE_MAX)), 0
    while line := file.readline(LINE_MAX):
        if line.startswith(_LAST):
            return _last(path, line, Last(events=number, sha256=digest.hexdigest()))
        number += 1
        yield _raw(path, line, number)
        digest.update(line)
    raise Refused(f"{path} is cut off after {number:,} of its events: its last line is missing. Nothing was imported.")


def _raw(path: str, line: bytes, number: int) -> bytes:
    try:
        raw = msgspec.json.decode(line, type=_Event).raw
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise Refused(f"{path} is cut off or was altered at its event {number}. Nothing was imported.") from None
    if (fault := fault_of(raw)) is not None:
        raise Refused(f"{path} holds what no log can: its event {number} {fault}. Nothing was imported.")
    if line_of(raw) != line:
        raise Refused(f"{path} says of its event {number} what the event's bytes do not. Nothing was imported.")
    return raw


def _last(path: str, line: bytes, found: Last) -> Last:
    try:
        last = msgspec.json.decode(line, type=Last)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise Refused(f"{path} is cut off in its last line. Nothing was imported.") from None
    if last != found:
        raise Refused(f"{path} was altered: its lines are not those that its last line tells of. Nothing was imported.")
    return last


def _sealed_until(raw: bytes) -> Timestamp:
    """Return up to which `ts` an event seals the log; the beginning of time where it is no seal that can be true."""
    place = place_in(raw)
    if place is not None and place[0] == SEALS.encode():
        with suppress(LogCorrupt):
            recorded = decode(raw)
            if isinstance(recorded.event, LogSealed) and untimely(seal_of(recorded), recorded.ts) is None:
                return Timestamp(*recorded.event.until)
    return Timestamp(0, 0)
