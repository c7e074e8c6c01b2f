"""`queuectl db`: the local server of a home of the test's own."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from tempfile import mkdtemp

import pytest

from eventqueue.server import stop
from tests.cli.commands import Queuectl, is_one_sentence
from tests.cli.running import started
from tests.cli.terminals import Line, on_terminals
from tests.patience import PATIENCE_S


@pytest.fixture
def home() -> Iterator[Path]:
    """A home whose path is short enough for a socket, so that all of it lies there."""
    path = Path(mkdtemp(prefix="eq-"))
    yield path
    stop(path)
    shutil.rmtree(path)


@pytest.fixture
def local(shared: Queuectl, home: Path) -> Queuectl:
    """queuectl without a URI."""
    return shared.without("QUEUECTL_URI", "QUEUECTL_DB").with_environ(QUEUECTL_HOME=str(home))


def test_the_local_server_is_started_shown_and_stopped(local: Queuectl, home: Path) -> None:
    before = local.process("db", "status")
    started = local.process("db", "start")
    shown = local.process("db", "status", "--json")
    stopped = local.process("db", "stop")
    after = local.here("db", "status", "--json")
    again = local.here("db", "stop", "--json")

    assert before.code == 1
    assert is_one_sentence(before)
    assert "queuectl db start" in before.err
    assert started.code == 0
    assert str(home) in started.out
    assert shown.code == 0
    assert list(shown.json) == ["uri", "data", "version", "pid", "sizes"]
    assert list(shown.json["sizes"]) == ["events", "views", "outputs", "oplog", "each_job"]
    assert (shown.json["data"], shown.json["uri"][:10]) == (str(home / "data"), "mongodb://")
    assert (stopped.code, stopped.out) == (0, "✔ The local server has stopped\n")
    assert (after.code, after.out) == (1, "")
    assert again.json == {"stopped": False}


def test_without_a_uri_the_first_command_starts_the_local_server(local: Queuectl) -> None:
    added = local.process("enqueue", "--id", "one", "--", "true")
    listed = local.process("list", "--json")

    assert (added.code, added.out) == (0, "✔ Job added: one\n")
    assert [job["id"] for job in listed.json] == ["one"]


def test_a_home_that_cannot_be_used_is_refused(local: Queuectl, home: Path) -> None:
    (home / "file").touch()

    ran = local.with_environ(QUEUECTL_HOME=str(home / "file" / "home")).here("status")

    assert ran.code == 1
    assert is_one_sentence(ran), ran


def test_a_mongod_that_is_missing_is_refused_with_what_to_do(local: Queuectl) -> None:
    ran = local.with_environ(QUEUECTL_MONGOD="/no/such/mongod").here("enqueue", "--", "true")

    assert ran.code == 1
    assert is_one_sentence(ran), ran
    assert "QUEUECTL_MONGOD" in ran.err


@pytest.fixture
def at_work(local: Queuectl) -> Iterator[Queuectl]:
    """The same, with a worker at work on the local server, in a database of its own."""
    with started(local, "worker", "start", "--db", "elsewhere", "--json") as worker:
        assert worker.stdout
        assert json.loads(worker.stdout.readline())["event"] == "started"
        yield local
        assert local.process("db", "start").code == 0  # without its server it takes its time to leave
        worker.terminate()
        worker.wait(PATIENCE_S)


def test_with_workers_at_work_a_script_needs_yes_to_stop_the_server(at_work: Queuectl) -> None:
    refused = at_work.process("db", "stop")
    shown = at_work.process("db", "status", "--json")
    wanted = at_work.process("db", "stop", "--yes")

    assert (refused.code, is_one_sentence(refused)) == (1, True)
    assert refused.err.startswith("✘ 1 worker is at work on the local server: `queuectl worker stop --all` stops them")
    assert shown.code == 0
    assert (wanted.code, wanted.out) == (0, "✔ The local server has stopped\n")


def test_with_workers_at_work_a_person_is_asked_before_the_server_stops(at_work: Queuectl) -> None:
    for answer, code, said in (("n", 1, "goes on"), ("y", 0, "has stopped")):
        ((found, shown),) = on_terminals(at_work, [Line(("db", "stop"))], typed=f"{answer}\n")
        assert "1 worker is at work on the local server. Stop it all the same? [y/N]" in shown
        assert (found, said in shown) == (code, True), shown
