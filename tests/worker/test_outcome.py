"""What an ended run means for its job, and what is kept of its output."""

from datetime import timedelta
from hashlib import sha256
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from eventqueue.model.events import Call, DeadLettered, Error, Failed, FailReason
from eventqueue.model.job import NO_RETRY, Complete, DeadLetter, Discard, Fail, Job, Release, Settle, decide, fold
from eventqueue.mongo.outputs import Kept
from eventqueue.tasks.outcomes import Discarded, Raised, Returned, Snoozed
from eventqueue.worker import outcome
from eventqueue.worker.running.reports import Ended, Written
from eventqueue.worker.shell.output import TEXT_BYTES, text_tail
from tests.builders import NOW, claimed, enqueued, history, job_that_is


@pytest.fixture(name="job")
def a_job() -> Job:
    job = job_that_is("processing")
    assert job
    return replace(job, timeout=1.5)


def settle(job: Job, *, handed_back: str | None = None, has_run: bool = True, **ended: Any) -> Settle:
    return outcome.settle(job, Ended(key="k", **ended), chance=0.0, handed_back=handed_back, has_run=has_run)


def failed(job: Job, *, has_run: bool = True, **ended: Any) -> Fail:
    command = settle(job, has_run=has_run, **ended)
    assert isinstance(command, Fail)
    return command


def said(text: bytes, total: int | None = None) -> Written:
    return Written(text, len(text) if total is None else total)


def test_exit_code_0_completes(job: Job) -> None:
    command = settle(job, exit_code=0, duration_s=0.12345)

    assert command == Complete(claim=2, exit_code=0, duration=0.123)


def test_what_a_task_returned_is_its_result(job: Job) -> None:
    assert settle(job, outcome=Returned({"n": 1}), duration_s=1) == Complete(claim=2, value={"n": 1}, duration=1.0)


def test_what_a_task_raised_fails_it_as_it_said(job: Job) -> None:
    error = Error(type="ValueError", message="no such order", traceback="…")
    wait = timedelta(minutes=5)

    assert settle(job, outcome=Raised(error), stderr=said(b"oh")) == replace(
        failed(job, outcome=Raised(error), stderr=said(b"oh")), reason=FailReason.ERROR, error=error, is_final=False
    )
    assert failed(job, outcome=Raised(error, is_final=True)).is_final
    assert failed(job, outcome=Raised(error, delay=wait)).delay == wait


def test_a_task_that_snoozes_is_handed_back_until_then(job: Job) -> None:
    command = settle(job, outcome=Snoozed(timedelta(minutes=5)))

    assert isinstance(command, Release)
    assert command.delay == timedelta(minutes=5)


def test_a_task_that_discards_its_job_says_why(job: Job) -> None:
    assert settle(job, outcome=Discarded("the order is gone")) == Discard(claim=2, why="the order is gone")


@pytest.mark.parametrize("outcome", [Returned(1), Snoozed(timedelta(0)), Discarded("gone")], ids=repr)
def test_what_a_task_came_to_before_it_was_killed_for_a_stop_counts(job: Job, outcome: Any) -> None:
    stopped = settle(job, handed_back="its worker was stopped", killed=True, outcome=outcome)

    assert stopped == settle(job, outcome=outcome)


def test_what_was_interrupted_for_a_stop_is_handed_back(job: Job) -> None:
    raised = Raised(Error(type="JobCancelled", message="asked to stop"))

    assert isinstance(settle(job, handed_back="its worker was stopped", killed=True, outcome=raised), Release)


def test_what_a_task_returned_after_its_timeout_is_a_timeout(job: Job) -> None:
    assert failed(job, outcome=Returned(1), timed_out=True).reason is FailReason.TIMEOUT


def test_a_timeout_tells_where_its_task_was_by_then(job: Job) -> None:
    error = Error(type="TimedOut", message="TimedOut", traceback='  File "app.py", line 7, in wait')

    assert failed(job, outcome=Raised(error), timed_out=True).error == Error(
        type="timeout", message="ran longer than its timeout of 1.5 s", traceback=error.traceback
    )


def test_an_end_through_no_fault_of_the_jobs_is_not_counted(job: Job) -> None:
    assert settle(job, unharmed="its process was ended for another job") == Release(
        claim=2, reason="its process was ended for another job"
    )


def test_another_exit_code_fails_with_the_last_line_that_was_said(job: Job) -> None:
    command = failed(job, exit_code=3, stderr=said(b"trying\nno such table: users\n\n"))

    assert (command.reason, command.exit_code) == (FailReason.ERROR, 3)
    assert (command.error.type, command.error.message) == ("exit-code", "exit code 3: no such table: users")


def test_an_exit_without_a_word_is_told_by_its_code(job: Job) -> None:
    assert failed(job, exit_code=1).error.message == "exit code 1"


def test_a_last_line_without_end_is_cut(job: Job) -> None:
    assert failed(job, exit_code=1, stderr=said(b"x" * 5000)).error.message == "exit code 1: " + "x" * 200


@pytest.mark.parametrize(("number", "name"), [(9, "SIGKILL"), (11, "SIGSEGV"), (250, "signal 250")])
def test_a_signal_is_told_by_its_name(job: Job, number: int, name: str) -> None:
    command = failed(job, signal=number)

    assert (command.reason, command.error.type) == (FailReason.ERROR, "signal")
    assert command.error.message == f"killed by {name}"


@pytest.mark.parametrize("end", [{"signal": 15}, {"signal": 9}, {"exit_code": 143}, {"exit_code": 0}])
def test_a_timeout_fails_however_the_command_ended_then(job: Job, end: dict[str, Any]) -> None:
    command = failed(job, timed_out=True, **end)

    assert (command.reason, command.error.type) == (FailReason.TIMEOUT, "timeout")
    assert command.error.message == "ran longer than its timeout of 1.5 s"


def test_what_was_killed_at_the_end_of_the_lease_is_lost_with_its_worker(job: Job) -> None:
    command = failed(job, lease_lost=True, signal=9)

    assert command.reason is FailReason.WORKER_LOST
    (event,) = decide(job, command, NOW)
    assert isinstance(event, Failed)
    assert event.worker == job.worker


def test_what_the_lease_did_not_let_start_is_handed_back_since_it_never_ran(job: Job) -> None:
    command = settle(job, has_run=False, lease_lost=True)

    assert isinstance(command, Release)
    assert command.claim == 2


@pytest.mark.parametrize(
    ("has_run", "reason", "kind"), [(False, FailReason.ERROR, "not-started"), (True, FailReason.CRASHED, "crashed")]
)
def test_a_problem_is_the_commands_own_unless_it_had_been_running(
    job: Job, has_run: bool, reason: FailReason, kind: str
) -> None:
    command = failed(job, has_run=has_run, problem="The directory '/x' does not exist on the worker's host.")

    assert (command.reason, command.error.type) == (reason, kind)
    assert command.error.message == "The directory '/x' does not exist on the worker's host."


def test_of_a_task_that_crashed_is_kept_in_which_line_and_of_a_command_nothing_that_it_has_written(job: Job) -> None:
    frames = ["libc.py", "app.py", "eventqueue/worker/python/calls.py", "eventqueue/worker/python/zygote.py"]
    told = [f'  File "/srv/{name}", line 7 in call\n' for name in frames]
    crash = said(f"oh\nFatal Python error: Aborted\n\nStack (most recent call first):\n{''.join(told)}".encode())
    task = replace(job, run=Call(task="send"))

    assert failed(task, problem="It was killed.", stderr=crash).error.traceback == f"{told[1]}{told[0]}"
    assert failed(task, problem="It was killed.", stderr=said(b"oh")).error.traceback is None
    assert failed(job, problem="It was killed.", stderr=crash).error.traceback is None


def test_what_was_killed_for_a_stop_is_handed_back(job: Job) -> None:
    command = settle(job, handed_back="its worker was stopped", killed=True, signal=15)

    assert command == Release(claim=2, reason="its worker was stopped")


def test_what_ended_by_itself_before_it_was_killed_for_a_stop_counts(job: Job) -> None:
    assert isinstance(settle(job, handed_back="its worker was stopped", exit_code=0), Complete)
    assert isinstance(settle(job, handed_back="its worker was stopped", exit_code=1), Fail)


# Output


def test_nothing_is_kept_of_a_run_without_output(job: Job) -> None:
    ended = Ended(key="k", exit_code=0)

    assert outcome.kept(job, ended) is None
    command = settle(job, exit_code=0)
    assert isinstance(command, Complete)
    assert command.output is None


def test_the_tails_are_kept_as_they_are_named_by_claim_and_attempt(job: Job) -> None:
    ended = Ended(key="k", exit_code=0, stdout=said(b"\xff out"), stderr=said(b"err"))

    assert outcome.kept(job, ended) == Kept(job_id=job.id, claim=2, attempt=1, stdout=b"\xff out", stderr=b"err")


@given(st.binary(min_size=1, max_size=3000), st.integers(0, 10**12))
def test_the_event_holds_total_length_and_the_digest_of_the_stored_tail(tail: bytes, more: int) -> None:
    job = job_that_is("processing")
    assert job
    ended = Ended(key="k", exit_code=0, stdout=Written(tail, len(tail) + more))

    command = outcome.settle(job, ended, chance=0.0, handed_back=None, has_run=True)
    kept = outcome.kept(job, ended)

    assert isinstance(command, Complete)
    assert command.output
    assert kept
    assert command.output.stdout.sha256 == sha256(kept.stdout).digest()
    assert command.output.stdout.length == len(tail) + more
    assert command.output.stderr.sha256 is None


# Text


@given(st.text(max_size=3000))
def test_text_is_cut_at_a_character(text: str) -> None:
    shown = text_tail(text.encode())

    assert text.endswith(shown)
    assert len(shown.encode()) <= TEXT_BYTES
    assert len(shown.encode()) > TEXT_BYTES - 4 or shown == text


@given(st.binary(max_size=3000))
def test_any_bytes_become_text_that_can_be_stored_and_read(tail: bytes) -> None:
    shown = text_tail(tail)

    shown.encode()  # no lone surrogate
    assert len(shown) <= 4 * TEXT_BYTES


def test_undecodable_bytes_stay_readable() -> None:
    assert text_tail(b"caf\xe9 \xff\xfe done") == "caf\\xe9 \\xff\\xfe done"


def test_a_tail_of_bytes_that_continue_nothing_is_not_cut_away() -> None:
    shown = text_tail(b"\x80" * 2000)

    assert shown.count("\\x80") >= TEXT_BYTES - 3


@pytest.mark.parametrize("code", [126, 127])
def test_a_code_that_no_retry_mends_makes_the_job_dead_at_once_and_says_why(code: int) -> None:
    job = processing()
    command = outcome.settle(
        job, Ended(key="a", exit_code=code), chance=0.0, handed_back=None, has_run=True, fatal=frozenset({126, 127})
    )

    failure, dead = decide(job, command, NOW)

    assert isinstance(failure, Failed)
    assert (failure.retry_at, failure.exit_code) == (None, code)
    assert dead == DeadLettered(reason=NO_RETRY)


@pytest.mark.parametrize("fatal", [frozenset(), frozenset({3})])
def test_other_codes_are_tried_again(fatal: frozenset[int]) -> None:
    job = processing()
    command = outcome.settle(
        job, Ended(key="a", exit_code=127), chance=0.0, handed_back=None, has_run=True, fatal=fatal
    )

    (failure,) = decide(job, command, NOW)

    assert isinstance(failure, Failed)
    assert failure.retry_at is not None


def test_a_timeout_is_tried_again_whatever_code_it_ended_with() -> None:
    job = replace(processing(), timeout=1.5)
    ended = Ended(key="a", exit_code=127, timed_out=True)
    command = outcome.settle(job, ended, chance=0.0, handed_back=None, has_run=True, fatal=frozenset({127}))

    assert len(decide(job, command, NOW)) == 1


def test_who_died_before_the_dead_letter_was_written_is_finished_with_the_same_reason() -> None:
    job = processing()
    command = outcome.settle(
        job, Ended(key="a", exit_code=127), chance=0.0, handed_back=None, has_run=True, fatal={127}
    )
    failure, dead = decide(job, command, NOW)
    left = fold(history(enqueued(), claimed(), failure))
    assert left is not None

    assert decide(left, DeadLetter(), NOW) == [dead]


def processing() -> Job:
    job = job_that_is("processing")
    assert job is not None
    return job
