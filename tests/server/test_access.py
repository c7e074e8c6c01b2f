"""The server is its owner's alone: no TCP, a directory that nobody else can enter."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from eventqueue.errors import LocalServerFailed
from eventqueue.server import LocalServer, ensure_running, status, stop
from eventqueue.server.homedir import HomeDir
from eventqueue.server.record import read
from eventqueue.server.sockets import choose, listener, make_private, tidy
from tests.server.servers import clear_away, kill, store

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can act as somebody else")


def sockets_of(pid: int) -> set[str]:
    """The inodes of the sockets that the process has open."""
    inodes = set()
    for file in os.listdir(f"/proc/{pid}/fd"):
        with suppress(FileNotFoundError):  # closed since it was listed
            inodes |= set(re.findall(r"^socket:\[(\d+)\]$", os.readlink(f"/proc/{pid}/fd/{file}")))
    return inodes


def test_the_server_has_no_tcp_or_udp_socket(server: LocalServer) -> None:
    tables = [Path("/proc/net", name) for name in ("tcp", "tcp6", "udp", "udp6")]
    lines = [line.split() for table in tables if table.exists() for line in table.read_text().splitlines()[1:]]
    assert not sockets_of(server.pid) & {columns[9] for columns in lines}


def test_the_server_listens_on_one_socket_and_that_is_in_its_home(server: LocalServer, shared_home: Path) -> None:
    lines = [line.split() for line in Path("/proc/net/unix").read_text().splitlines()[1:]]
    listening = [columns[7] for columns in lines if columns[6] in sockets_of(server.pid) and columns[3] == "00010000"]
    assert listening == [str(shared_home / "run" / "mongod.sock")]


def test_socket_and_directory_are_the_owners_alone(server: LocalServer, shared_home: Path) -> None:
    run = shared_home / "run"
    assert [path.stat().st_mode & 0o777 for path in (run, run / "mongod.sock")] == [0o700, 0o700]


def test_what_the_server_writes_is_the_owners_alone(server: LocalServer, shared_home: Path) -> None:
    written = [path for path in shared_home.rglob("*") if path.exists()]
    assert written
    assert not [path for path in written if path.stat().st_mode & 0o077]


@pytest.mark.parametrize("name", ["new", "open"])
def test_a_directory_for_the_socket_is_made_private(tmp_path: Path, name: str) -> None:
    (tmp_path / "open").mkdir()
    (tmp_path / "open").chmod(0o755)
    assert make_private(tmp_path / name)
    assert (tmp_path / name).stat().st_mode & 0o777 == 0o700


def test_what_is_no_directory_of_ours_is_not_used_for_the_socket(tmp_path: Path) -> None:
    (tmp_path / "ours").mkdir()
    (tmp_path / "link").symlink_to("ours")
    (tmp_path / "file").write_text("")
    assert not [name for name in ("link", "file", "below/missing") if make_private(tmp_path / name)]


def test_a_recorded_path_that_this_package_never_makes_is_ignored(tmp_path: Path) -> None:
    place = HomeDir.at(tmp_path / "Unfit")
    tmp_path.chmod(0o755)
    chosen = Path(choose(place, str(tmp_path / "mongod.sock")))
    tidy(str(chosen))
    assert not chosen.parent.exists()
    assert chosen.parent.parent == Path("/tmp")
    assert tmp_path.stat().st_mode & 0o777 == 0o755


@as_root
def test_another_user_cannot_connect_even_in_tmp(tmp_path: Path) -> None:
    home = tmp_path / ("x" * 200)
    try:
        ensure_running(home)
        record = read(HomeDir.at(home))
        assert record
        assert listener(record.socket)
        os.seteuid(65534)
        assert listener(record.socket) is None
    finally:
        os.seteuid(0)
        clear_away(home)


@as_root
@pytest.mark.parametrize("act", [status, ensure_running, stop], ids=["status", "start", "stop"])
def test_root_is_not_let_in_where_another_users_server_runs(tmp_path: Path, act: Callable[[Path], object]) -> None:
    home = tmp_path / "home"
    place = HomeDir.at(home)
    try:
        ensure_running(home)
        for directory in (place.root, place.data):
            os.chown(directory, 12345, 12345)
        with pytest.raises(LocalServerFailed, match="belongs to the user with id 12345"):
            act(home)
    finally:
        for directory in (place.root, place.data):
            os.chown(directory, 0, 0)
        clear_away(home)


@as_root
def test_a_socket_that_another_user_answers_on_is_refused(tmp_path: Path) -> None:
    path = str(tmp_path / "mongod.sock")
    code = "import os, socket, sys; os.seteuid(65534); s = socket.socket(socket.AF_UNIX, type=socket.SOCK_STREAM)"
    tmp_path.chmod(0o777)
    for parent in tmp_path.parents[:3]:
        parent.chmod(parent.stat().st_mode | 0o011)
    code += "; s.bind(sys.argv[1]); s.listen(); print('up', flush=True); sys.stdin.read()"
    with subprocess.Popen([sys.executable, "-c", code, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout
        assert other.stdin
        assert other.stdout.readline() == b"up\n"
        with pytest.raises(LocalServerFailed, match="run by the user with id 65534"):
            listener(path)
        other.stdin.close()


@as_root
def test_a_directory_in_tmp_that_somebody_else_took_is_not_used_again(tmp_path: Path) -> None:
    home = tmp_path / ("x" * 200)
    try:
        before = ensure_running(home)
        stop(home)
        record = read(HomeDir.at(home))
        assert record
        taken = Path(record.socket).parent
        taken.mkdir()
        os.chown(taken, 12345, 12345)
        after = ensure_running(home)
        assert after != before
        store(after, "a")
        taken.rmdir()
    finally:
        clear_away(home)


def test_a_directory_in_tmp_that_was_cleaned_up_is_made_again(tmp_path: Path) -> None:
    home = tmp_path / ("x" * 200)
    try:
        before = ensure_running(home)
        kill(home)
        record = read(HomeDir.at(home))
        assert record
        shutil.rmtree(Path(record.socket).parent)
        assert ensure_running(home) == before
    finally:
        clear_away(home)
