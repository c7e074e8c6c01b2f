"""One verdict over everything, held too against seals, and against what the auditor remembers."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path

import msgspec
from msgspec.structs import replace

from eventqueue.audit.rules import Finding
from eventqueue.audit.seals import SEALS, Seal, misfit
from eventqueue.audit.verdict import Auditor, Verdict
from eventqueue.errors import BadSeals, InvalidInput, LogCorrupt
from eventqueue.model.codec import version_in
from eventqueue.model.figures import moment
from eventqueue.mongo.ground import Ground
from eventqueue.sealing import files, record, stored
from eventqueue.sealing.holding import hold
from eventqueue.sealing.signatures import Signatures

Progress = Callable[[int], object]


class Beside(msgspec.Struct, frozen=True, kw_only=True):
    """What a log is held against beside its own rules; see Queue.verify_all."""

    against: str | None = None
    record: str | None = None
    since: datetime | None = None
    key: bytes | None = None


def audit_all(ground: Ground, auditor: Auditor, progress: Progress, beside: Beside) -> Verdict:
    """See Queue.verify_all."""
    remembered = None if beside.record is None else Path(beside.record)
    with _named("record"):
        if remembered is not None and not remembered.parent.is_dir():
            raise InvalidInput("record", "is in a directory that is not there")
        then = None if remembered is None else record.recall(remembered)
    # What is wrong with the file is told at once, and not after the hour that the rest may take.
    with _named("against"):
        kept = deque(() if beside.against is None else files.read(beside.against), maxlen=1)
    if beside.against is not None and not kept:
        raise BadSeals("There is no seal to hold the log against.")
    verdict = auditor.all(progress) if beside.since is None else auditor.since(beside.since, progress)
    signed = None if beside.key is None else Signatures(beside.key)
    of_seals = [*_of_seals(ground, beside, _behind(verdict, progress)), *_of_signatures(ground, beside, signed)]
    verdict = replace(
        verdict,
        findings=(*_without(verdict.findings, of_seals), *of_seals, *_of_record(ground, verdict, then)),
        against=(*map(_of_kept, kept), *_of_signed(signed), *_of_own(ground, beside), *_of_remembered(then)),
    )
    if remembered is not None and not verdict.findings:
        begun = () if then is not None else ("nothing that was remembered: the record begins with this",)
        unrecorded = _remember(ground, verdict, remembered)
        return replace(verdict, unrecorded=unrecorded, against=(*verdict.against, *(begun if not unrecorded else ())))
    return verdict


def _without(findings: Iterable[Finding], others: Iterable[Finding]) -> Iterator[Finding]:
    """Yield the findings that are not, in the same words, among the others: what breaks a rule breaks a seal, too."""
    told = {(one.stream, one.version, one.problem) for one in others}
    return (one for one in findings if (one.stream, one.version, one.problem) not in told)


def _remember(ground: Ground, verdict: Verdict, remembered: Path) -> str | None:
    """Keep how the log stands; return why not, if that fails: what was found is to be told all the same."""
    try:
        record.remember(remembered, record.standing(ground, verdict.events))
    except OSError as error:
        return f"The record {str(remembered)!r} was not renewed: {error.strerror}. It remembers what it did before."
    return None


def _behind(verdict: Verdict, progress: Progress) -> Progress:
    """Return what to call with each few events more that are looked at once again."""
    done = verdict.events

    def tell(number: int) -> None:
        nonlocal done
        progress(done := done + number)

    return tell


def _of_kept(last: Seal) -> str:
    return f"the seals that were kept, the last of them seal {last.number} of {moment(last.at, 'seconds')}"


def _of_signed(signed: Signatures | None) -> Iterator[str]:
    if signed is not None and signed.first is not None and signed.last is not None:
        begin = "" if signed.first is signed.last else f"seal {signed.first.number} to "
        which = f"{begin}seal {signed.last.number} of {moment(signed.last.at, 'seconds')}"
        yield f"the key that signed {which}: of what came later, or was cut off behind one of them, it says nothing"


def _of_own(ground: Ground, beside: Beside) -> Iterator[str]:
    """Tell who signs the log's seals, where nobody has said who should: whoever may append can begin with a key."""
    with suppress(LogCorrupt):
        last = stored.last(ground.log)
        if last is not None and last.said.key is not None and beside.key is None:
            key = last.said.key.hex()
            yield f"its own seals, the last of them signed with {key}: whether that is the right key --key KEY says"


def _of_remembered(then: record.Standing | None) -> Iterator[str]:
    if then is not None:
        yield f"what it had on {moment(then.at, 'seconds')}"


@contextmanager
def _named(argument: str) -> Iterator[None]:
    """Raise InvalidInput, with the argument's name, where there can be no such file."""
    try:
        yield
    except (OSError, ValueError) as error:
        problem = error.strerror if isinstance(error, OSError) else str(error)
        raise InvalidInput(argument, f"is no file that can be used: {problem}") from None


def _of_seals(ground: Ground, beside: Beside, tell: Progress) -> Iterator[Finding]:
    """Hold the log against the seals that were kept, and behind these against its own.

    Where nobody has looked at their signatures its own prove nothing, but a forged one shows.
    """
    try:
        is_partial = beside.since is not None and beside.key is None
        if beside.against is not None:
            yield from hold(ground, _and_own(ground, files.read(beside.against)), tell)
        elif not is_partial and ground.log.read_raw(SEALS, most=1):
            yield from hold(ground, _and_own(ground, ()), tell)
    except LogCorrupt as error:
        yield _unreadable(error)


def _and_own(ground: Ground, kept: Iterable[Seal]) -> Iterator[Seal]:
    # No further than to what is the last seal now, or junk behind it: newer ones may not be in what was read before.
    newest = next(map(version_in, ground.log.read_part(SEALS, None, 1, reverse=True)), 0)
    before: Seal | None = None
    for before in kept:
        yield before
    for made in stored.seals(ground.log, 0 if before is None else before.number):
        if newest is not None and made.recorded.version > newest:
            return
        if before is not None and (problem := misfit(before, made.seal)):
            raise LogCorrupt(f"{problem}.")
        before = made.seal
        yield before


def _of_signatures(ground: Ground, beside: Beside, signed: Signatures | None) -> Iterator[Finding]:
    if signed is None or beside.key is None:
        return
    try:
        yield from signed.of_log(made.seal for made in stored.seals(ground.log))
    except LogCorrupt as error:
        yield _unreadable(error)
    if beside.against is not None:
        yield from Signatures(beside.key).of(files.read(beside.against), ", as it was kept")


def _unreadable(error: LogCorrupt) -> Finding:
    return Finding(SEALS, 0, str(error).rstrip("."), is_sealed=True)


def _of_record(ground: Ground, verdict: Verdict, then: record.Standing | None) -> Iterator[Finding]:
    if then is None:
        return
    if then.log != ground.log_id:
        problem = f"this is log {ground.log_id}, and the record remembers log {then.log}"
        yield Finding("layout", 0, problem, then.log, ground.log_id, is_lost=True)
        return
    try:
        yield from record.less_than_then(ground, then, verdict.events)
    except LogCorrupt as error:
        yield Finding(SEALS, then.seal, str(error).rstrip("."), is_sealed=True)
