"""`logs --follow`: what jobs write is seen while they run, through retries and deaths, and to the job's end."""

import json
import os
import signal
from pathlib import Path

import pytest

from eventqueue.errors import AccessDenied, Unavailable
from eventqueue.model.job import State
from eventqueue.mongo.log import MongoLog
from eventqueue.mongo.outputs import Outputs
from eventqueue.mongo.watches import Watches
from eventqueue.worker.python.plan import PythonPlan
from tests.cli.commands import Queuectl
from tests.cli.conftest import environ
from tests.cli.terminals import on_terminal
from tests.patience import PATIENCE_S
from tests.worker.crew import Start
from tests.worker.stage import Stage, wait_until


@pytest.fixture
def queuectl(stage: Stage) -> Queuectl:
    return Queuectl(environ(stage.uri, stage.db))


def until(path: Path) -> str:
    """Return a command that waits for a file."""
    return f"while [ ! -e {path} ]; do sleep 0.02; done"


def test_what_a_job_writes_is_seen_while_it_runs_and_after_its_retry(
    stage: Stage, start: Start, queuectl: Queuectl, tmp_path: Path
) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    fails = "echo bye >&2; [ $QUEUECTL_ATTEMPT = 2 ] || exit 3"
    command = f"echo hello; {until(first)}; {fails}; echo done; {until(second)}"
    job = stage.queue.enqueue(command=command, max_retries=1, backoff={"base": 0.0}).id
    start()
    with queuectl.start("logs", job, "--follow") as following:
        assert following.stdout is not None
        assert following.stderr is not None
        assert following.stdout.readline() == "hello\n"
        assert stage.job(job).state is State.PROCESSING

        first.touch()
        assert [following.stdout.readline() for _ in range(2)] == ["hello\n", "done\n"]
        shown = queuectl.ok("logs", job)
        assert (shown.out, "Attempt 2 runs" in shown.err) == ("hello\ndone\n", True)
        shown = queuectl.ok("logs", job, "--json")
        assert (shown.json["stdout"]["length"], shown.json["ended"]) == (11, False)
        assert "stdout so far\n  hello\n  done\n" in queuectl.ok("show", job).out
        assert queuectl.ok("show", job, "--json").json["output"]["stdout"]["length"] == 11

        second.touch()
        assert following.wait(PATIENCE_S) == 0
        told = following.stderr.read()
        assert following.stdout.read() == ""

    assert told.count("bye\n") == 3  # twice by itself, and as what the first one failed with
    assert "! Attempt 1 failed: exit code 3: bye\n" in told
    assert told.endswith(f"! Job {job} completed.\n")


def test_one_attempt_is_followed_to_its_own_end(stage: Stage, start: Start, queuectl: Queuectl) -> None:
    job = stage.queue.enqueue(command="echo $QUEUECTL_ATTEMPT; [ $QUEUECTL_ATTEMPT = 2 ]", backoff={"base": 0.0}).id
    start(until_empty=True).ends()

    first, second = (queuectl.here("logs", job, "--follow", "--attempt", number) for number in ("1", "2"))

    assert (first.code, first.out) == (1, "1\n")
    assert (second.code, second.out) == (0, "2\n")
    third = queuectl.here("logs", job, "--follow", "--attempt", "3")
    assert (third.code, third.out) == (1, "")
    assert "has no attempt 3: the last one was number 2" in third.err


def test_a_task_is_followed_and_what_it_leaves_half_is_whole_in_the_end(
    stage: Stage, start: Start, queuectl: Queuectl, tmp_path: Path
) -> None:
    (tmp_path / "app.py").write_text(
        "import time\nfrom pathlib import Path\nfrom eventqueue import task\n\n@task\ndef talk(gate: str) -> None:\n"
        "    print('half \\u20ac', end='', flush=True)\n"
        "    while not Path(gate).exists():\n        time.sleep(0.01)\n    print(' whole')\n"
    )
    gate = tmp_path / "gate"
    job = stage.queue.enqueue(task="app.talk", args=[str(gate)]).id
    start(python=PythonPlan(imports=("app",), import_path=(str(tmp_path),), processes=1))
    with queuectl.start("logs", job, "--follow", "--json") as following:
        assert following.stdout is not None
        assert json.loads(following.stdout.readline())["event"] == "began"
        assert json.loads(following.stdout.readline())["text"] == "half \u20ac"
        gate.touch()
        lines = [json.loads(line) for line in following.stdout]

        assert following.wait(PATIENCE_S) == 0
    assert [(one["event"], one["text"], one["by"], one["state"]) for one in lines] == [
        ("wrote", " whole\n", None, None),
        ("ended", None, "completed", None),
        ("over", None, None, "completed"),
    ]


def test_after_the_death_of_a_worker_the_next_attempt_is_followed(
    stage: Stage, start: Start, queuectl: Queuectl, tmp_path: Path
) -> None:
    command = f"echo $QUEUECTL_ATTEMPT; [ $QUEUECTL_ATTEMPT = 2 ] || {until(tmp_path / 'never')}"
    job = stage.queue.enqueue(command=command, backoff={"base": 0.0}).id
    crew = start()
    with queuectl.start("logs", job, "--follow") as following:
        assert following.stdout is not None
        assert following.stderr is not None
        assert following.stdout.readline() == "1\n"

        (pid,) = crew.workers().values()
        os.kill(pid, signal.SIGKILL)

        assert following.stdout.readline() == "2\n"
        assert following.wait(PATIENCE_S) == 0
        assert "! Attempt 1 failed: " in following.stderr.read()


def test_what_is_followed_goes_on_where_the_projector_is_killed(
    stage: Stage, start: Start, queuectl: Queuectl, tmp_path: Path
) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    job = stage.queue.enqueue(command=f"echo hello; {until(first)}; echo bye; {until(second)}").id
    crew = start()
    with queuectl.start("logs", job, "--follow") as following:
        assert following.stdout is not None
        assert following.stdout.readline() == "hello\n"
        killed = crew.projector()
        assert killed is not None

        os.kill(killed, signal.SIGKILL)
        first.touch()

        assert following.stdout.readline() == "bye\n"
        wait_until(lambda: crew.projector() not in (None, killed))
        second.touch()
        assert following.wait(PATIENCE_S) == 0


def test_a_follower_that_is_killed_is_sent_to_no_longer(
    stage: Stage, start: Start, queuectl: Queuectl, tmp_path: Path
) -> None:
    job = stage.queue.enqueue(command=f"echo hello; {until(tmp_path / 'gate')}").id
    start()
    with queuectl.start("logs", job, "--follow") as following:
        assert following.stdout is not None
        assert following.stdout.readline() == "hello\n"
        following.kill()

    watches = stage.queue.connection.ground.database["watches"]
    of = {"_id.job": job}
    wait_until(lambda: watches.count_documents({**of, "$expr": {"$lt": ["$until", "$$NOW"]}}), 0.2)
    last = (watches.find_one(of) or {})["at"]
    (tmp_path / "gate").touch()
    wait_until(lambda: stage.job(job).state is State.COMPLETED)

    assert (watches.find_one(of) or {})["at"] == last


def test_that_the_database_is_silent_is_told_once_and_what_comes_afterwards_is_seen(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = stage.queue.enqueue(command="true", delay=3600).id
    monkeypatch.setattr("eventqueue.api.following.SILENT_S", 0.0)
    monkeypatch.setattr("eventqueue.api.following.LOOK_S", 0.0)
    followed = stage.queue.follow_output(job)
    assert next(followed) is None

    def away(*_: object) -> None:
        raise Unavailable("No server.")

    with monkeypatch.context() as patched:
        patched.setattr(MongoLog, "read", away)
        told = [next(followed) for _ in range(4)]

    assert [str(one) for one in told if one is not None] == [str(told[0])]
    assert "the database does not answer" in str(told[0])
    stage.queue.cancel(job)
    assert list(followed) in ([], [None])


def test_who_may_not_write_is_told_so_and_sees_what_was_kept_in_the_end(
    stage: Stage, start: Start, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def refuse(*_: object) -> None:
        raise AccessDenied("not authorized")

    for method in ("look", "read"):
        monkeypatch.setattr(Watches, method, refuse)
    gate = tmp_path / "gate"
    job = stage.queue.enqueue(command=f"echo hello; {until(gate)}; echo bye").id
    start()
    wait_until(lambda: stage.job(job).state is State.PROCESSING)
    assert stage.queue.output_so_far(job) is None
    followed = stage.queue.follow_output(job)

    assert any("may not write" in str(one) for one in followed)
    gate.touch()
    assert any("hello\\nbye" in str(one) for one in followed)


def test_who_may_read_the_log_alone_sees_what_the_event_has(
    stage: Stage, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise AccessDenied("not authorized")

    job = stage.queue.enqueue(command="echo hello").id
    start()
    wait_until(lambda: stage.job(job).state is State.COMPLETED)
    monkeypatch.setattr(Outputs, "get", refuse)

    told = [str(one) for one in stage.queue.follow_output(job) if one is not None]

    assert any("hello" in one for one in told)


def test_what_a_job_writes_steers_no_terminal(stage: Stage, start: Start, queuectl: Queuectl) -> None:
    job = stage.queue.enqueue(command=r"printf 'a\033]52;c;aGk=\007\033[31mred\033[2Jb'").id
    start(until_empty=True).ends()

    shown = on_terminal(queuectl, "logs", job, "--follow")

    assert "\x1b]" not in shown
    assert "\x1b[2J" not in shown
    assert "a\\x1b]52;c;aGk=\\x07\x1b[31mred\\x1b[2Jb\x1b[0m" in shown


def test_of_a_job_that_never_ran_there_is_nothing_to_follow(stage: Stage, queuectl: Queuectl) -> None:
    job = stage.queue.enqueue(command="true").id
    stage.queue.cancel(job)

    ran = queuectl.here("logs", job, "--follow")

    assert (ran.code, ran.err) == (1, f"✘ Job {job} was cancelled before it ran.\n")
