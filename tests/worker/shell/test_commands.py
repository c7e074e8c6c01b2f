"""A command's whole way: from its job through worker and launcher to the events and the kept output."""

from hashlib import sha256
from typing import Any

import pytest

from eventqueue.errors import InvalidInput
from eventqueue.model.events import Completed, Failed, FailReason
from eventqueue.model.fields import TEXT_MAX
from eventqueue.model.job import State
from eventqueue.system.process import start_time
from tests.worker.stage import Stage, wait_until

GIGABYTES = 1


def end_of(stage: Stage, command: str, **fields: Any) -> tuple[str, Completed | Failed]:
    """Run a command as a job that is not retried; return the job's id and the event that ended its claim."""
    job = stage.enqueue(command, **{"max_retries": 0, **fields})
    worker = stage.worker()
    worker.steps(until=lambda: stage.job(job).state not in (State.PENDING, State.PROCESSING))
    event = stage.history(job)[2].event
    assert isinstance(event, Completed | Failed)
    return job, event


def stdout_of(stage: Stage, job: str) -> bytes:
    kept = stage.queue.output(job, 2)
    assert kept
    return kept.stdout


def test_a_command_completes_with_its_exit_code_its_time_and_its_output(stage: Stage) -> None:
    job, event = end_of(stage, "echo out; echo err >&2")

    assert isinstance(event, Completed)
    assert event.exit_code == 0
    assert event.duration is not None
    assert event.output
    assert (event.output.stdout.text, event.output.stderr.text) == ("out\n", "err\n")
    assert (event.output.stdout.length, event.output.stderr.length) == (4, 4)
    kept = stage.queue.output(job, 2)
    assert kept
    assert (kept.attempt, kept.stdout, kept.stderr) == (1, b"out\n", b"err\n")


def test_the_digest_in_the_event_is_that_of_the_tail_as_stored(stage: Stage) -> None:
    job, event = end_of(stage, r"printf 'caf\351 \377\376'; seq 1 30000")

    assert event.output
    stored = stdout_of(stage, job)
    assert len(stored) == 64 * 1024
    assert event.output.stdout.sha256 == sha256(stored).digest()
    assert event.output.stdout.text == stored[-1024:].decode()
    assert event.output.stdout.length > len(stored)


def test_undecodable_output_stays_readable_in_the_event_and_exact_in_the_tail(stage: Stage) -> None:
    job, event = end_of(stage, r"printf 'caf\351 \377\376 \0 done'")

    assert event.output
    assert event.output.stdout.text == "caf\\xe9 \\xff\\xfe \0 done"
    assert stdout_of(stage, job) == b"caf\xe9 \xff\xfe \0 done"
    assert stage.queue.verify(job).findings == ()


def test_a_command_that_prints_gigabytes_is_counted_in_full_and_kept_in_small(stage: Stage) -> None:
    total = GIGABYTES * 1024**3
    job, event = end_of(stage, f"head -c {total} /dev/zero; echo the end")

    assert event.output
    assert event.output.stdout.length == total + len("the end\n")
    assert event.output.stdout.text.endswith("\0the end\n")
    assert len(stdout_of(stage, job)) == 64 * 1024


def test_a_command_that_does_not_exist_fails_with_127_and_its_name(stage: Stage) -> None:
    _, event = end_of(stage, "no-such-program --flag")

    assert isinstance(event, Failed)
    assert (event.reason, event.exit_code) == (FailReason.ERROR, 127)
    assert event.error.message.startswith("exit code 127: ")
    assert "no-such-program" in event.error.message


def test_a_directory_that_does_not_exist_is_named(stage: Stage) -> None:
    job, event = end_of(stage, "true", cwd="/nowhere/at/all")

    assert isinstance(event, Failed)
    assert (event.reason, event.exit_code, event.error.type) == (FailReason.ERROR, None, "not-started")
    assert "/nowhere/at/all" in event.error.message
    assert stage.queue.output(job, 2) is None


def test_a_timeout_ends_the_whole_group_and_keeps_what_was_printed(stage: Stage) -> None:
    left = stage.folder / "left"
    _, event = end_of(stage, f"echo so far; (sleep 1000 & echo $! > {left}); sleep 1000", timeout=0.3)

    assert isinstance(event, Failed)
    assert event.reason is FailReason.TIMEOUT
    assert event.error.message == "ran longer than its timeout of 0.3 s"
    assert event.output
    assert event.output.stdout.text == "so far\n"
    wait_until(lambda: start_time(int(left.read_text())) is None)


def test_a_timeout_that_a_command_answers_with_0_is_a_failure_all_the_same(stage: Stage) -> None:
    _, event = end_of(stage, "trap 'exit 0' TERM; sleep 1000 & wait", timeout=0.3)

    assert isinstance(event, Failed)
    assert (event.reason, event.exit_code) == (FailReason.TIMEOUT, 0)


def test_a_signal_is_named(stage: Stage) -> None:
    _, event = end_of(stage, "kill -SEGV $$")

    assert isinstance(event, Failed)
    assert event.error.message == "killed by SIGSEGV"


def test_a_command_has_its_env_its_cwd_and_the_names_of_its_job_attempt_and_claim(stage: Stage) -> None:
    command = 'echo "$COLOUR|$PWD|$QUEUECTL_JOB_ID|$QUEUECTL_ATTEMPT|$QUEUECTL_CLAIM|$(cat | wc -c)"'

    job, event = end_of(stage, command, env={"COLOUR": "grün"}, cwd=str(stage.folder))

    assert event.output
    assert event.output.stdout.text.strip() == f"grün|{stage.folder}|{job}|1|2|0"


def test_each_attempt_keeps_its_own_output(stage: Stage) -> None:
    job = stage.enqueue("echo attempt $QUEUECTL_ATTEMPT; exit 1", max_retries=1)
    worker = stage.worker()
    worker.steps(until=lambda: stage.job(job).state is State.FAILED)
    stage.project()
    worker.wake()
    worker.steps(until=lambda: stage.job(job).state is State.DEAD)

    claims = [one.version for one in stage.history(job) if one.event.__struct_config__.tag == "claimed"]
    kept = [stage.queue.output(job, claim) for claim in claims]
    assert [(one.attempt, one.stdout) for one in kept if one] == [(1, b"attempt 1\n"), (2, b"attempt 2\n")]


def test_a_command_that_leaves_a_process_behind_costs_no_slot(stage: Stage) -> None:
    first = stage.enqueue(f"(sleep 1000 & echo $! > {stage.folder}/left); echo done")
    second = stage.enqueue("true")
    worker = stage.worker()

    worker.steps(until=lambda: stage.job(second).state is State.COMPLETED)

    assert stage.job(first).state is State.COMPLETED


def test_the_proof_holds_for_a_job_that_went_all_ways(stage: Stage) -> None:
    gate, worker = stage.gate(), stage.worker()
    job = stage.enqueue(f"echo $QUEUECTL_ATTEMPT; {gate.command}", max_retries=1)
    worker.steps(until=lambda: stage.job(job).state is State.PROCESSING)
    gate.let_out(3)
    worker.steps(until=lambda: stage.job(job).state is State.FAILED)
    stage.project()
    worker.wake()
    worker.steps(until=lambda: stage.job(job).state is State.PROCESSING)
    assert worker.stop()
    stage.project()
    heir = stage.worker("heir")
    gate.let_out(0)
    heir.steps(until=lambda: stage.job(job).state is State.COMPLETED)
    stage.project()

    assert stage.queue.verify(job).findings == ()
    assert stage.job(job) == stage.shown(job)


def test_the_longest_command_and_variable_that_are_taken_can_be_run(stage: Stage) -> None:
    worker = stage.worker()
    jobs = [
        stage.enqueue(":" + (TEXT_MAX - 1) * " ", max_retries=0),
        stage.enqueue("true", env={"LONG": (TEXT_MAX - len("LONG=")) * "y"}, max_retries=0),
    ]

    worker.steps(until=lambda: all(stage.job(job).state is State.COMPLETED for job in jobs))

    for fields in ({"command": (TEXT_MAX + 1) * "x"}, {"command": "true", "env": {"LONG": TEXT_MAX * "y"}}):
        with pytest.raises(InvalidInput, match=r"(command|env): has 131,\d{3} bytes in one text"):
            stage.queue.enqueue(fields)
