"""Random histories: whatever has happened to a job, why it is in its state makes sense."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from eventqueue.audit.clauses import Clause, Holder, Place, Reason
from eventqueue.audit.why import TAIL, explain
from eventqueue.errors import IllegalTransition
from eventqueue.model.codec import seal
from eventqueue.model.events import EMPTY, Claimed, Failed, FailReason, Recorded
from eventqueue.model.job import Cancel, Claim, Command, DeadLetter, Enqueue, Fail, Job, Retry, State, decide, fold
from eventqueue.model.pause import Pause
from eventqueue.ports.views import Worker
from tests.audit.test_why import BUSY, FIRST, IN, QUEUE, around, worker
from tests.builders import BEFORE, BOOM, NOW, complete, fail, release, request

# What leads on stands more often than what ends it.
STEPS = [
    *("claim", "claim", "claim", "complete", "fail", "fail", "lose", "release", "release"),
    *("cancel", "retry", "retry", "bury", "wait", "wait", "wait long"),
]


def command_for(step: str, now: Job) -> Command:
    claim = now.claim or 1
    commands: dict[str, Command] = {
        "claim": Claim("w:1", "host", 1),
        "complete": complete(claim),
        "fail": fail(claim),
        "lose": Fail(
            claim=claim,
            reason=FailReason.WORKER_LOST,
            error=BOOM,
            renewed_at=now.updated_at - timedelta(seconds=12),
            buried_by="w:2",
        ),
        "release": release(claim),
        "cancel": Cancel("no longer needed"),
        "retry": Retry("the bug is mended"),
        "bury": DeadLetter(),
    }
    return commands[step]


def lived(steps: Sequence[str], retries: int, expires: bool, timeout: float | None) -> tuple[list[Recorded], datetime]:
    """Return the history that steps lead to, those that are not allowed left out, and the time by then."""
    now, found = NOW, list[Recorded]()
    end = NOW + timedelta(minutes=3) if expires else None
    asked = request(max_retries=retries, expires_at=end, timeout=timeout)

    def do(command: Command) -> None:
        try:
            events = decide(fold(found), command, now)
        except IllegalTransition:
            return
        # Not all of an append need be there: a reader may see the first event before the second.
        head = found[-1].head if found else EMPTY
        found.extend(one.recorded for one in seal("job-one", head, events, actor="test", now=now))

    do(Enqueue(asked))
    for step in steps:
        if step.startswith("wait"):
            now += timedelta(seconds=7 if step == "wait" else 3600)
        else:
            shown = fold(found)
            assert shown is not None
            do(command_for(step, shown))
    return found, now


histories = st.builds(
    lived, st.lists(st.sampled_from(STEPS), max_size=25), st.integers(0, 2), st.booleans(), st.sampled_from([None, 9.0])
)
spans = st.integers(-60, 60).map(lambda seconds: timedelta(seconds=seconds))
pauses = st.none() | st.just(Pause(BEFORE, "ann", None))
crews = st.sampled_from([[], [(worker(), ())], BUSY])


@settings(max_examples=1000)
@given(
    lived=histories,
    cut=st.integers(1, 30),
    pause=pauses,
    crew=crews,
    parked=st.booleans(),
    is_live=st.booleans(),
    stop=st.none() | spans,
    by=spans,
)
def test_whatever_happened_no_reason_contradicts_the_state(
    lived: tuple[list[Recorded], datetime],
    cut: int,
    pause: Pause | None,
    crew: list[tuple[Worker, Sequence[Job]]],
    parked: bool,
    is_live: bool,
    stop: timedelta | None,
    by: timedelta,
) -> None:
    found, now = lived[0][:cut], lived[1] + by
    of = fold(found)
    assert of is not None
    holder = Holder(renewed_at=now, is_live=is_live, stop_by=None if stop is None else now + stop)
    beside = around(of, now, pause=pause, crew=crew, parked=parked, holder=holder)

    told = explain(of, found[-TAIL:], beside)

    assert told == explain(of, found, beside)  # the last events are enough
    assert (told.id, told.state) == (of.id, of.state)
    kinds = [one.kind for one in told.clauses]
    assert kinds
    assert len(set(kinds)) == len(kinds)
    assert set(kinds) <= IN[of.state]
    assert (of.state in (State.COMPLETED, State.DEAD, State.CANCELLED)) == (Reason.FINAL in kinds)
    assert (Reason.UNBURIED in kinds) == (of.state is State.FAILED and of.due_at is None)
    assert (of.due_at is not None) == bool(beside.waits)
    if beside.waits:
        assert told.clauses[0].kind in FIRST[beside.waits[0].kind]
    for one in told.clauses:
        events_are_there(one, found)
        assert one.until is None or one.until > now
        assert one.text
        assert not one.text.endswith(".")


def events_are_there(one: Clause, found: Sequence[Recorded]) -> None:
    if one.event is None or one.event == QUEUE:
        return
    (event,) = [event for event in found if Place(event.stream, event.version) == one.event]
    if one.kind is Reason.RUNNING:
        assert isinstance(event.event, Claimed)
    if one.kind in (Reason.RETRY, Reason.LOST, Reason.ERROR):
        assert isinstance(event.event, Failed)
