"""`queuectl worker` and `queuectl projector`, with real workers."""

import json
import signal
import socket
from pathlib import Path

import pytest

from eventqueue.api.enqueueing import Receipt
from eventqueue.api.queue import Queue
from eventqueue.cli.values import SIZE
from eventqueue.model.job import State
from eventqueue.system.people import actor_of
from eventqueue.worker.life.place import incarnation_here
from tests.cli.commands import Queuectl, is_one_sentence
from tests.cli.running import await_that, started
from tests.patience import PATIENCE_S


def test_a_queue_that_cannot_be_is_refused(shared: Queuectl) -> None:
    ran = shared.here("worker", "start", "--until-empty", "--queue", "a b")

    assert (ran.code, ran.err) == (
        2,
        "✘ --queue: may hold letters, digits and . _ : - only, 1 to 128 of them, and may not begin with -: "
        "see `queuectl worker start --help`.\n",
    )


@pytest.mark.parametrize("form", [("--json",), ("--log-format", "json"), ("--json", "--log-format", "text")])
def test_what_is_told_of_jobs_is_an_object_a_line_where_that_is_asked_for(
    queuectl: Queuectl, form: tuple[str, ...]
) -> None:
    queuectl.ok("enqueue", "--id", "good", "--", "true")

    lines = queuectl.process("worker", "start", "--until-empty", *form).out.splitlines()

    told = [json.loads(line) for line in lines]
    assert [one["event"] for one in told] == ["started", "executing", "completed", "stopped"]
    assert {(one["host"], one["worker"]) for one in told} == {(socket.gethostname(), "1")}
    assert all(one["at"].endswith("Z") for one in told)


def test_workers_run_what_there_is_until_nothing_is_left(queuectl: Queuectl) -> None:
    queuectl.ok("enqueue", "--id", "good", "--", "echo hello; echo oops >&2")
    queuectl.ok("enqueue", "--id", "bad", "--max-retries", "1", "--backoff-base", "0.1", "--", "exit 3")

    ran = queuectl.process("worker", "start", "--count", "2", "--until-empty")

    assert ran.code == 0, ran.err
    lines = ran.out.splitlines()
    for number in (1, 2):
        assert sum(line.endswith(f" {socket.gethostname()} Worker {number} started") for line in lines) == 1
    assert any(line.endswith("executing job good") for line in lines)
    assert any("job bad failed with exit code 3; retry 1 of 1" in line for line in lines)
    assert queuectl.ok("logs", "good").out == "hello\n"
    assert queuectl.ok("logs", "good").err == "oops\n"
    assert queuectl.here("wait", "good", "bad").code == 1
    assert [job["id"] for job in queuectl.ok("dlq", "list", "--json").json] == ["bad"]
    assert queuectl.ok("audit", "verify", "--all", "--json").json["findings"] == []


def test_with_json_a_worker_tells_an_object_a_line(queuectl: Queuectl) -> None:
    queuectl.ok("enqueue", "--id", "one", "--", "true")

    ran = queuectl.process("worker:start", "--until-empty", "--json", "--queue", "default", "--concurrency", "2")

    assert ran.code == 0, ran.err
    told = [json.loads(line) for line in ran.out.splitlines()]
    assert [one["job"] for one in told if one["event"] == "executing"] == ["one"]


def test_a_running_worker_is_listed_and_leaves_on_sigterm(queuectl: Queuectl) -> None:
    queuectl.ok("enqueue", "--id", "long", "--", "sleep 60")
    with started(queuectl, "worker", "start", "--grace", "0") as process:
        await_that(lambda: any(worker["running"] for worker in queuectl.ok("worker", "list", "--json").json))
        (worker,) = queuectl.process("worker", "list", "--json").json
        for_people = queuectl.ok("worker", "list").out.splitlines()
        status = queuectl.ok("status", "--json").json
        health = queuectl.ok("doctor", "--json").json
        (then,) = queuectl.ok("worker", "list", "--at", "0s", "--json").json

        process.send_signal(signal.SIGTERM)
        code = process.wait(PATIENCE_S)

    assert worker["running"] == ["long"]
    assert {"id", "name", "host", "pid", "queues", "concurrency", "started_at", "renewed_at"} <= set(worker)
    assert worker["by"] == then["by"] == actor_of("cli")
    assert for_people[1].split()[-2:] == ["long", actor_of("cli")]
    assert (status["workers"], status["processing"]) == (1, 1)
    assert health["ok"]
    assert code == 0
    assert queuectl.ok("show", "long", "--json").json["state"] == "pending"
    assert queuectl.ok("worker", "list", "--json").json == []


def test_a_cancelled_running_job_is_killed(queuectl: Queuectl) -> None:
    queuectl.ok("enqueue", "--id", "long", "--", "sleep 60")
    with started(queuectl, "worker", "start", "--until-empty") as process:
        await_that(lambda: queuectl.ok("status", "--json").json["processing"] == 1)

        queuectl.ok("cancel", "long")

        assert process.wait(PATIENCE_S) == 0
    assert queuectl.here("wait", "long").code == 1


def test_wait_returns_when_a_worker_has_done_the_job(queuectl: Queuectl) -> None:
    queuectl.ok("enqueue", "--id", "one", "--", "true")
    with started(queuectl, "wait", "one", "--json") as waiting:
        queuectl.process("worker", "start", "--until-empty")

        out, _ = waiting.communicate(timeout=PATIENCE_S)

    assert waiting.returncode == 0
    assert [job["state"] for job in json.loads(out)] == ["completed"]


def test_no_workers_are_a_note(shared: Queuectl) -> None:
    assert shared.ok("worker", "list", "--json").json == []
    ran = shared.ok("worker", "list")
    assert ran.out == ""
    assert "queuectl worker start" in ran.err


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_projector_moves_the_views_until_it_is_stopped(queuectl: Queuectl, number: signal.Signals) -> None:
    with started(queuectl, "projector", "start") as process:
        assert process.stdout
        assert process.stdout.readline() == "✔ Projector started\n"
        queuectl.ok("enqueue", "--", "true")
        await_that(lambda: any(one["holder"] for one in queuectl.ok("projections", "list", "--json").json))

        process.send_signal(number)

        assert process.wait(PATIENCE_S) == 0
        assert "Traceback" not in process.communicate()[1]


@pytest.mark.parametrize(
    "options",
    [
        *(("--count", "0"), ("--count", "many"), ("--concurrency", "0"), ("--grace", "soon"), ("--bogus",)),
        ("extra",),
    ],
)
def test_a_worker_that_is_asked_for_wrongly_is_refused(shared: Queuectl, options: tuple[str, ...]) -> None:
    ran = shared.process("worker", "start", *options)

    assert ran.code == 2
    assert is_one_sentence(ran)


def test_workers_are_stopped_from_another_shell_and_are_told_one_by_one(queuectl: Queuectl) -> None:
    queuectl.ok("enqueue", "--id", "long", "--", "sleep 60")
    with started(queuectl, "worker", "start", "--count", "2") as process:
        await_that(lambda: any(worker["running"] for worker in queuectl.ok("worker", "list", "--json").json))
        await_that(lambda: len(queuectl.ok("worker", "list", "--json").json) == 2)

        ran = queuectl.process("worker", "stop", "--all", "--grace", "0")

        assert process.wait(PATIENCE_S) == 0
    assert ran.code == 0, ran.err
    lines = ran.out.splitlines()
    assert sorted(line.split()[2] for line in lines) == ["1", "2"]
    assert all(line.startswith("✔ Worker ") and line.endswith(" has left") for line in lines)
    assert queuectl.ok("show", "long", "--json").json["state"] == "pending"
    assert queuectl.ok("worker", "stop", "--all", "--json").json == []


@pytest.mark.parametrize(
    "words",
    ["worker list", "worker list --all", "worker show 1", "status", "top --once", "queue list", "list", "why one"],
)
def test_beside_a_worker_that_has_just_started_and_views_that_nobody_has_built_yet_is_told_what_there_is(
    queuectl: Queuectl, queue: Queue, words: str
) -> None:
    queue.connection.incarnations.register(incarnation_here("web-1:a", "1", (), 1))
    queue.enqueue(id="one", command="true")

    assert queuectl.ok(*words.split()).out


def test_a_worker_that_is_stopping_is_listed_as_such(queuectl: Queuectl) -> None:
    queuectl.ok("enqueue", "--id", "long", "--", "sleep 60")
    with started(queuectl, "worker", "start") as process:
        await_that(lambda: any(worker["running"] for worker in queuectl.ok("worker", "list", "--json").json))
        with started(queuectl, "worker", "stop", "1", "--grace", "1h") as stopping:
            await_that(lambda: any(one["stop_by"] for one in queuectl.ok("worker", "list", "--json").json))
            for_people = queuectl.ok("worker", "list").out
            on_screen = queuectl.ok("top", "--once").out
            ran = queuectl.process("worker", "stop", "1", "--grace", "0", "--json")  # sooner than asked first

            assert stopping.wait(PATIENCE_S) == 0
        assert process.wait(PATIENCE_S) == 0

    assert " stopping " in for_people
    assert "1 (stopping)" in on_screen
    assert ran.code == 0, ran.err
    assert [(one["name"], one["outcome"]) for one in ran.json] == [("1", "left")]


def test_a_worker_that_does_not_leave_is_named_and_the_exit_code_is_1(
    queuectl: Queuectl, queue: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("eventqueue.steering.stopping.LEAVE_S", 0.1)
    queue.connection.incarnations.register(incarnation_here("host:stuck", "7", (), 1))

    for_people = queuectl.here("worker", "stop", "host:st", "--grace", "0")
    as_json = queuectl.here("worker", "stop", "7", "--grace", "0", "--json")

    assert (for_people.code, as_json.code) == (1, 1)
    assert for_people.err == "✘ Worker 7 (host:stuck) is still there: it leaves once it can, or is taken for lost.\n"
    assert [(one["id"], one["outcome"]) for one in as_json.json] == [("host:stuck", "there")]


def test_a_worker_that_nobody_knows_is_refused(shared: Queuectl) -> None:
    ran = shared.here("worker", "stop", "nobody")

    assert ran.code == 1
    assert is_one_sentence(ran)
    assert "'nobody'" in ran.err


@pytest.mark.parametrize("options", [(), ("one", "--all"), ("--all", "--grace", "soon")])
def test_a_stop_that_is_asked_for_wrongly_is_refused(shared: Queuectl, options: tuple[str, ...]) -> None:
    ran = shared.here("worker", "stop", *options)

    assert ran.code == 2
    assert is_one_sentence(ran)


def test_a_grace_before_now_is_refused(shared: Queuectl) -> None:
    ran = shared.here("worker", "stop", "--all", "--grace", "-1")

    assert ran.code == 2
    assert is_one_sentence(ran)


def test_a_worker_whose_output_nobody_reads_goes_on(queuectl: Queuectl, queue: Queue) -> None:
    commands = [{"command": "true", "id": f"job-with-a-name-that-fills-a-pipe-{'x' * 80}-{n}"} for n in range(600)]
    receipts = queue.enqueue_many(commands)

    with queuectl.start("worker", "start", "--concurrency", "16") as process:
        try:
            jobs = queue.wait([one.id for one in receipts if isinstance(one, Receipt)], timeout=PATIENCE_S)
        finally:
            process.terminate()
            out, _ = process.communicate(timeout=PATIENCE_S)

    assert {job.state for job in jobs} == {State.COMPLETED}
    assert len(out) > 65536  # more than a pipe holds


def test_a_worker_runs_the_tasks_of_the_modules_that_it_is_told_to_import(queuectl: Queuectl, tmp_path: Path) -> None:
    (tmp_path / "shop.py").write_text(
        "from eventqueue import task\n@task\ndef ship(order: int) -> str:\n    print('shipping', order)\n"
        "    return f'shipped {order}'\n"
    )
    queuectl.ok("enqueue", '{"id": "one", "task": "shop.ship", "args": [7]}')
    words = ("--processes", "2", "--threads", "2", "--max-tasks-per-child", "5", "--max-memory", "512M")

    ran = queuectl.process(
        "worker", "start", "--until-empty", "--import", "shop", "--import-path", str(tmp_path), *words
    )

    assert ran.code == 0, ran.err
    assert queuectl.ok("show", "one", "--json").json["result"]["value"] == "shipped 7"
    assert queuectl.ok("logs", "one").out == "shipping 7\n"


def test_a_module_that_cannot_be_imported_is_told_in_a_sentence(queuectl: Queuectl) -> None:
    ran = queuectl.process("worker", "start", "--import", "nowhere.tasks")

    assert ran.code == 1
    assert ran.err.endswith(
        f" {socket.gethostname()} queuectl: 1: Module 'nowhere.tasks' cannot be imported: there is no such module "
        "where Python looks: is its directory on the path (--import-path)?\n"
    )


@pytest.mark.parametrize(
    ("typed", "size"),
    [("33554432", 2**25), ("32768k", 2**25), ("512M", 2**29), ("2G", 2**31), ("1GiB", 2**30), ("30MB", 30 << 20)],
)
def test_a_size_is_bytes_or_has_a_unit(typed: str, size: int) -> None:
    assert SIZE.convert(typed, None, None) == size


@pytest.mark.parametrize("typed", ["0", "5", "512k", "15M"])
def test_a_size_that_no_process_could_keep_to_is_refused(shared: Queuectl, typed: str) -> None:
    ran = shared.here("worker", "start", "--max-memory", typed)

    assert ran.code == 2
    assert f"{typed} is less than any process takes: give 16M at least" in ran.err


@pytest.mark.parametrize("typed", ["", "M", "-1", "1.5G", "much", "1 M", "1e3"])
def test_what_is_no_size_is_refused(shared: Queuectl, typed: str) -> None:
    ran = shared.here("worker", "start", "--max-memory", typed)

    assert ran.code == 2
    assert f"{typed!r} is no size: give bytes, or a unit too, such as 512M or 2G" in ran.err


def test_until_empty_nothing_is_judged_before_the_modules_are_imported(queuectl: Queuectl) -> None:
    ran = queuectl.process("worker", "start", "--until-empty", "--import", "nowhere.tasks")

    assert ran.code == 1
    assert "Module 'nowhere.tasks' cannot be imported" in ran.err
