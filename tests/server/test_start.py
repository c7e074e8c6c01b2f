"""One server a home, started by whoever needs it first and found by everybody else."""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from urllib.parse import unquote

import pytest

from eventqueue.server import ensure_running, status, stop
from eventqueue.server.deadline import Deadline
from eventqueue.server.homedir import HomeDir
from eventqueue.server.launch import launch
from eventqueue.server.local import START_TIMEOUT
from eventqueue.server.locate import locate
from eventqueue.server.processes import Process, holder
from eventqueue.server.sockets import choose, listener
from tests.server.servers import (
    await_that,
    clear_away,
    connect,
    is_locked,
    kill,
    locked,
    servers_on,
    start_elsewhere,
    started,
    store,
    stored,
    uri_from,
)


def test_first_uses_at_once_start_one_server(home: Path) -> None:
    starting = [start_elsewhere(home) for _ in range(4)]
    uris = {uri_from(process) for process in starting}
    server = started(home)
    assert uris == {server.uri}
    assert servers_on(home) == [server.pid]


def test_the_server_outlives_and_is_independent_of_who_started_it(home: Path) -> None:
    uri_from(start_elsewhere(home))
    server = status(home)
    assert server
    assert os.getsid(server.pid) != os.getsid(0)
    assert os.readlink(f"/proc/{server.pid}/fd/0") == "/dev/null"


def test_a_server_started_by_a_job_is_not_the_jobs_to_take_along(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QUEUECTL_RUN", "launcher.1")  # by which a launcher finds what its jobs left behind
    server = started(home)
    assert b"QUEUECTL_RUN" not in Path(f"/proc/{server.pid}/environ").read_bytes()


def test_a_stop_leaves_nothing_in_tmp_and_the_next_start_is_at_the_same_path(home: Path) -> None:
    far = home / ("x" * 120)
    uri = started(far).uri
    socket = Path(unquote(uri.removeprefix("mongodb://").partition("/?")[0]))
    assert stop(far)
    assert not socket.parent.exists()
    assert started(far).uri == uri
    kill(far)
    clear_away(far)


def test_a_running_server_is_found_without_the_lock_or_the_driver(home: Path) -> None:
    server = started(home)
    with locked(HomeDir.at(home).lock):
        finding = (
            "import sys, pathlib, eventqueue.server as s; before = set(sys.modules)\n"
            "print(s.ensure_running(pathlib.Path(sys.argv[1])), 'pymongo' in set(sys.modules) - before)"
        )
        found = subprocess.check_output([sys.executable, "-c", finding, str(home)], text=True)
    assert found.split() == [server.uri, "False"]


@pytest.mark.parametrize("name", ["x" * 200, "Upper", "comma,colon:space é"])
def test_a_home_whose_path_no_socket_may_have_works(tmp_path: Path, name: str) -> None:
    home = tmp_path / name
    try:
        store(ensure_running(home), "a")
        kill(home)
        assert stored(ensure_running(home)) == ["a"]
    finally:
        clear_away(home)


def test_after_a_crash_the_next_use_starts_it_with_all_that_was_acknowledged(home: Path) -> None:
    uri = ensure_running(home)
    for value in "abc":
        store(uri, value)
    kill(home)
    assert Path(HomeDir.at(home).run, "mongod.sock").exists()  # what a crash leaves
    assert status(home) is None
    assert ensure_running(home) == uri
    assert stored(uri) == ["a", "b", "c"]


def test_stop_is_clean_and_may_be_asked_twice(home: Path) -> None:
    server = started(home)
    store(server.uri, "a")
    assert stop(home)
    assert servers_on(home) == []
    assert Path(HomeDir.at(home).data, "mongod.lock").read_bytes() == b""  # mongod's own sign of a clean end
    assert not stop(home)
    assert status(home) is None
    assert stored(ensure_running(home)) == ["a"]


def test_stopping_what_never_ran_creates_nothing(home: Path) -> None:
    assert not stop(home)
    assert not home.exists()


@pytest.mark.parametrize("leaves_link", [False, True])
def test_a_home_moved_while_stopped_works_under_its_new_name(home: Path, tmp_path: Path, leaves_link: bool) -> None:
    store(ensure_running(home), "a")
    kill(home)
    moved = home.rename(tmp_path / "moved")
    if leaves_link:  # under its old name, too, the server would reach itself
        home.symlink_to(moved)
    try:
        uri = ensure_running(moved)
        with connect(uri) as client:
            assert client.admin.command("hello")["me"] == str(moved / "run" / "mongod.sock")
        assert stored(uri) == ["a"]
        store(uri, "b")
    finally:
        clear_away(moved)


def test_a_home_moved_under_its_running_server_works_too(home: Path, tmp_path: Path) -> None:
    before = started(home)
    store(before.uri, "a")
    moved = home.rename(tmp_path / "moved")
    try:
        assert stored(ensure_running(moved)) == ["a"]
        assert servers_on(home) == []
    finally:
        clear_away(moved)


@pytest.mark.parametrize("long", [False, True])
def test_a_copied_home_leaves_the_original_server_alone(tmp_path: Path, long: bool) -> None:
    home, copy = (tmp_path / (name + "x" * 150 * long) for name in ("original", "copy"))
    try:
        original = started(home)
        stop(home)
        shutil.copytree(home, copy)
        original = started(home)
        shutil.copy(HomeDir.at(home).record, HomeDir.at(copy).record)
        shutil.copy(HomeDir.at(home).data / "mongod.lock", HomeDir.at(copy).data)
        assert status(copy) is None
        assert not stop(copy)
        store(ensure_running(copy), "in the copy")
        assert status(home) == original
        assert stored(original.uri) == []
    finally:
        clear_away(copy)
        clear_away(home)


@pytest.mark.parametrize("content", [b"", b"{", b"\xff", b'{"socket": 1}', b"[]", None])
def test_a_server_is_found_without_its_record(shared_home: Path, content: bytes | None) -> None:
    server = started(shared_home)
    record = HomeDir.at(shared_home).record
    record.unlink() if content is None else record.write_bytes(content)
    assert ensure_running(shared_home) == server.uri
    assert status(shared_home) == server


def test_a_record_of_a_process_that_is_gone_hinders_nobody(home: Path) -> None:
    record = HomeDir.at(home).record
    stale = started(home)
    written = record.read_bytes()
    kill(home)
    record.write_bytes(written.replace(str(stale.pid).encode(), str(os.getpid()).encode()))
    assert status(home) is None
    assert not stop(home)  # the pid recorded is this very process
    ensure_running(home)


def test_a_server_that_lost_its_socket_is_started_anew_at_the_same_path(home: Path) -> None:
    before = started(home)
    store(before.uri, "a")
    Path(HomeDir.at(home).run, "mongod.sock").unlink()
    after = started(home)
    assert after.uri == before.uri
    assert servers_on(home) == [after.pid] != [before.pid]
    assert stored(after.uri) == ["a"]


def test_a_start_that_was_cut_off_is_completed_by_the_next_use(home: Path) -> None:
    place = HomeDir.at(home)
    place.prepare()
    launch(locate(os.environ), place, choose(place, None), (), Deadline.after(START_TIMEOUT))
    cut_off = holder(place.data)
    assert status(home) is None
    server = started(home)
    assert cut_off
    assert server.pid == cut_off.pid
    store(server.uri, "a")


def test_a_server_that_is_still_starting_is_waited_for(home: Path) -> None:
    place = HomeDir.at(home)
    place.prepare()
    socket = choose(place, None)
    where: list[str | Path] = ["--dbpath", place.data, "--logpath", place.log, "--bind_ip", socket]
    command = [locate(os.environ), "--replSet", "queuectl", "--nounixsocket", *where]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as starting:
        await_that(lambda: holder(place.data) is not None)
        starting.send_signal(signal.SIGSTOP)
        assert listener(socket) is None
        waiting = start_elsewhere(home)
        await_that(lambda: is_locked(place.lock))  # it has got past the fast path
        starting.send_signal(signal.SIGCONT)
        uri_from(waiting)
        assert servers_on(home) == [starting.pid]
        stop(home)


def test_a_server_that_is_ending_is_waited_for(home: Path) -> None:
    place = HomeDir.at(home)
    store(ensure_running(home), "a")
    kill(home)
    with locked(place.data / "mongod.lock"):  # threads of a killed mongod hold it for some milliseconds more
        waiting = start_elsewhere(home)
        await_that(lambda: is_locked(place.lock))
    assert stored(uri_from(waiting)) == ["a"]


def test_a_server_that_is_ending_counts_as_none(shared_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server = started(shared_home)
    monkeypatch.setattr(Process, "command", [])  # the kernel shows an empty one then
    assert holder(HomeDir.at(shared_home).data) is None
    assert not stop(shared_home)
    assert status(shared_home) == server


def test_a_killed_server_is_replaced_at_once(home: Path) -> None:
    for _ in range(5):
        server = started(home)
        os.kill(server.pid, signal.SIGKILL)
        await_that(lambda: status(home) is None)
    store(ensure_running(home), "a")


def test_further_arguments_reach_mongod(home: Path) -> None:
    ensure_running(home, extra=("--oplogSize", "1", "--syncdelay", "1"))
    server = holder(HomeDir.at(home).data)
    assert server
    assert [server.argument(name) for name in ("--oplogSize", "--syncdelay")] == ["1", "1"]
