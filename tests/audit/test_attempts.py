"""What is kept of attempts, and what came late of them, held against what their job's history tells."""

from hashlib import sha256

from eventqueue.audit.attempts import Attempt, Tails, attempts, of_kept, tails
from eventqueue.model.codec import to_data
from eventqueue.model.events import Captured, Completed, Failed, FailReason, LateResult, Output
from tests.builders import BOOM, RELEASED, claimed, enqueued

OUT = b"42 rows\n"
DIGEST = sha256(OUT).digest()
WROTE = Output(stdout=Captured(text="42 rows\n", length=8, sha256=DIGEST))
ENDED = Completed(exit_code=0, output=WROTE)
LOST = Failed(reason=FailReason.WORKER_LOST, error=BOOM)
KEPT = Tails(attempt=1, stdout=DIGEST, stderr=None)


def problems(kept: Tails, attempt: Attempt | None) -> list[str]:
    return [one.problem for one in of_kept("one", 2, kept, attempt)]


def test_each_claim_is_an_attempt_and_its_end_tells_what_it_wrote() -> None:
    found = attempts([enqueued(), claimed(), RELEASED, claimed("worker-2"), ENDED])

    assert {version: one.claimed.worker for version, one in found.items()} == {2: "worker-1", 4: "worker-2"}
    assert (found[2].output, found[4].output) == (None, WROTE)


def test_what_a_lost_attempt_wrote_is_told_by_its_late_result() -> None:
    late = LateResult(claim=2, worker="worker-1", outcome="completed", data=to_data(ENDED))

    assert attempts([enqueued(), claimed(), LOST])[2].output is None
    assert attempts([enqueued(), claimed(), LOST], [late])[2].output == WROTE
    garbage = LateResult(claim=2, worker="worker-1", outcome="completed", data={"output": 7})
    assert attempts([enqueued(), claimed(), LOST], [garbage])[2].output is None


def test_an_event_that_cannot_be_read_ends_no_attempt() -> None:
    assert attempts([enqueued(), claimed(), None])[2].output is None


def test_what_is_kept_as_it_was_written_is_no_finding() -> None:
    assert problems(KEPT, Attempt(claimed(), WROTE)) == []
    assert problems(KEPT, Attempt(claimed(), None)) == []


def test_what_is_kept_and_was_not_written_so_is_found() -> None:
    other = Tails(attempt=1, stdout=bytes(32), stderr=None)

    assert problems(other, Attempt(claimed(), WROTE)) == [
        "its kept stdout is not what it wrote: its SHA-256 is not that in its event"
    ]
    assert len(problems(KEPT, Attempt(claimed(), Output()))) == 1
    assert len(problems(Tails(attempt=3, stdout=DIGEST, stderr=None), Attempt(claimed(), WROTE))) == 1


def test_what_is_kept_of_no_attempt_tells_that_events_are_missing() -> None:
    (found,) = of_kept("one", 2, KEPT, None)

    assert (found.stream, found.version, found.is_lost) == ("job-one", 2, True)


def test_of_an_output_of_which_only_the_length_is_known_nothing_is_said() -> None:
    assert problems(KEPT, Attempt(claimed(), Output(stdout=Captured(text="42", length=8)))) == []


def test_an_empty_tail_has_no_digest() -> None:
    assert tails({"attempt": 1, "stdout": OUT, "stderr": b""}) == KEPT
