"""The plugin of pytest, as an application's own run of pytest loads it."""

import os
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest
from pymongo import MongoClient

from eventqueue.errors import LocalServerFailed
from eventqueue.system.process import is_alive, start_time
from eventqueue.testing import TestQueue, servers
from tests.testing.conftest import START

PYTEST = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "eventqueue.testing.plugin", "-rs"]


def run(folder: Path, tests: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run a file of tests in a directory of its own."""
    (folder / "test_it.py").write_text(dedent(tests))
    (folder / "pytest.ini").write_text("[pytest]\nfilterwarnings = error\n")
    env = {name: value for name, value in os.environ.items() if not name.startswith(("QUEUECTL", "PYTEST"))}
    return subprocess.run(
        [*PYTEST, str(folder)], capture_output=True, text=True, cwd=folder, env={**env, **environ}, check=False
    )


def test_a_test_without_a_queue_enqueues_nothing_where_it_would_be_carried_out(tmp_path: Path) -> None:
    done = run(
        tmp_path,
        """
        import pytest
        from eventqueue import Refused, task, use_queue
        from eventqueue.testing import TestQueue

        @task
        def send(to: str) -> None: ...

        def test_that_has_forgotten_it() -> None:
            with pytest.raises(Refused, match="give it the fixture `queue`"):
                send.enqueue("ann")

        def test_that_names_one() -> None:
            use_queue(TestQueue())
            assert send.enqueue("ann").created
        """,
        QUEUECTL_URI="mongodb://127.0.0.1:1/?replicaSet=nobody",
    )

    assert "2 passed" in done.stdout, done.stdout


def test_tasks_are_enqueued_to_the_queue_of_the_fixture(tmp_path: Path) -> None:
    done = run(
        tmp_path,
        """
        import threading
        import pytest
        from eventqueue import Queue, task, use_queue
        from eventqueue.testing import TestQueue, history

        SENT = []

        @task
        def send(to: str) -> None:
            SENT.append(to)

        @pytest.fixture
        def other():
            own = TestQueue()
            use_queue(own)
            yield
            assert use_queue(None) is own

        def test_a_task_is_run(queue: TestQueue) -> None:
            job = send.enqueue("ann")
            queue.run()
            assert SENT == ["ann"] and history(job) == ["enqueued", "claimed", "completed"]

        def test_each_test_has_a_queue_of_its_own(queue: TestQueue) -> None:
            assert queue.list().jobs == []

        def test_threads_of_the_application_have_it_too(other, queue: TestQueue) -> None:
            thread = threading.Thread(target=send.enqueue, args=["bob"])
            thread.start()
            thread.join()
            assert queue.run() == 1

        class TestsOfItsOwn:
            @pytest.fixture
            def queue(self):
                return "another"

            def test_a_fixture_of_the_application_goes_before_it(self, queue) -> None:
                assert queue == "another"
        """,
    )

    assert done.stdout.splitlines()[-1].startswith("4 passed"), done.stdout


def test_a_test_has_a_database_of_its_own_which_is_dropped_after_it(
    tmp_path: Path, server_uri: str, client: MongoClient[dict[str, object]]
) -> None:
    done = run(
        tmp_path,
        """
        from eventqueue import Queue, task
        from eventqueue.testing import history

        @task
        def send(to: str) -> None: ...

        def test_one(mongo_queue: Queue) -> None:
            assert history(send.options(key="one").enqueue("ann")) == ["enqueued"]
            print(mongo_queue.connection.ground.database.name)
            assert len(mongo_queue.list().jobs) == 1

        def test_another(mongo_queue: Queue) -> None:
            assert send.options(key="one").enqueue("bob").created
            with open("name", "w") as file:
                file.write(mongo_queue.connection.ground.database.name)
        """,
        QUEUECTL_TEST_URI=server_uri,
    )

    assert done.stdout.splitlines()[-1].startswith("2 passed"), done.stdout
    assert (tmp_path / "name").read_text() not in client.list_database_names()


def test_where_there_is_no_server_the_test_is_skipped_and_says_what_to_do(tmp_path: Path) -> None:
    done = run(tmp_path, "def test_it(mongo_queue): ...", QUEUECTL_MONGOD="/nowhere/mongod")

    assert "1 skipped" in done.stdout
    assert "QUEUECTL_TEST_URI names no server" in done.stdout.replace("\n", " ")
    assert "'/nowhere/mongod', which is not an executable file" in done.stdout.replace("\n", " ")


def test_a_local_server_ends_with_the_session_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    environ = {name: value for name, value in os.environ.items() if name != servers.URI}

    with servers.serving(environ) as uri, MongoClient[dict[str, object]](uri) as client:
        pid = client.admin.command("serverStatus")["pid"]
        started = start_time(pid)
        assert started is not None
        assert list(tmp_path.glob("eq-*")) != []

    assert not is_alive(pid, started)
    assert list(tmp_path.glob("eq-*")) == []


def test_a_server_that_does_not_start_is_told_in_a_sentence() -> None:
    with (
        pytest.raises(LocalServerFailed, match="QUEUECTL_MONGOD"),
        servers.serving({**os.environ, "QUEUECTL_MONGOD": "/nowhere/mongod", servers.URI: ""}),
    ):
        pass


def test_nothing_heavy_is_imported_before_a_test_asks_for_it() -> None:
    heavy = "{'pymongo', 'bson', 'msgspec', 'asyncio', 'eventqueue.api', 'eventqueue.testing.queue'}"
    code = f"import sys, pytest, eventqueue.testing.plugin as p; before = set(sys.modules); print({heavy} & before)"

    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert found.stdout.strip() == "set()"


def test_the_plugin_is_installed_under_its_modules_name() -> None:
    import tomllib

    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]

    assert project["entry-points"]["pytest11"] == {"eventqueue.testing.plugin": "eventqueue.testing.plugin"}


def test_our_own_fixtures_go_before_those_of_the_plugin(queue: TestQueue) -> None:
    assert queue.clock.now() == START
