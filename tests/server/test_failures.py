"""Whatever keeps the local server from starting is one sentence that says what to do."""

import os
import subprocess
from datetime import timedelta
from pathlib import Path

import pytest

from eventqueue.errors import LocalServerFailed
from eventqueue.server import ensure_running, local, status, stop
from eventqueue.server.deadline import Deadline, start_lock
from eventqueue.server.homedir import HomeDir
from eventqueue.server.locate import locate
from eventqueue.server.processes import holder
from tests.server.servers import await_that, kill, locked

SOON = timedelta(seconds=0.3)


def failure(home: Path) -> str:
    with pytest.raises(LocalServerFailed) as caught:
        ensure_running(home)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def use(monkeypatch: pytest.MonkeyPatch, path: Path, script: str) -> None:
    """Have this script taken for mongod."""
    path.write_text(script)
    path.chmod(0o755)
    monkeypatch.setenv("QUEUECTL_MONGOD", str(path))


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local, "START_TIMEOUT", SOON)


@pytest.mark.parametrize("where", ["file", "file/below", "/proc/queuectl"])
def test_a_home_that_cannot_be_made_is_named(tmp_path: Path, where: str) -> None:
    (tmp_path / "file").write_text("")
    said = failure(tmp_path / where)
    assert str(tmp_path / where) in said
    assert "QUEUECTL_HOME" in said


def test_asking_about_a_home_that_is_a_file_is_no_failure(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert status(tmp_path / "file") is None
    assert not stop(tmp_path / "file")


def test_a_library_that_is_missing_is_named_with_what_to_install(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    message = "mongod: error while loading shared libraries: libcurl.so.4: cannot open shared object file"
    use(monkeypatch, tmp_path / "mongod", f"#!/bin/sh\necho '{message}' >&2\nexit 127\n")
    assert "apt-get install libcurl4" in failure(home)


def test_a_file_that_is_no_program_is_named(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, tmp_path / "mongod", "\x7fELF and nothing more")
    assert f"{tmp_path / 'mongod'} cannot be run" in failure(home)


@pytest.mark.parametrize(("script", "said"), [("exit 3", "code 3"), ("exit 0", "ended as soon as it had started")])
def test_a_program_that_is_no_mongod_is_survived(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, said: str
) -> None:
    use(monkeypatch, tmp_path / "mongod", f"#!/bin/sh\n{script}\n")
    assert said in failure(home)


@pytest.mark.usefixtures("soon")
def test_a_start_that_takes_too_long_is_given_up(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, tmp_path / "mongod", "#!/bin/sh\nexec sleep 60\n")
    assert "try again" in failure(home)


@pytest.mark.usefixtures("soon")
def test_a_start_lock_that_is_never_given_back_is_named(home: Path) -> None:
    place = HomeDir.at(home)
    place.prepare()
    with start_lock(place.lock, Deadline.after(timedelta(seconds=1))):
        assert str(place.lock) in failure(home)


def test_data_locked_by_an_unknown_process_are_reported(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ensure_running(home)
    kill(home)
    monkeypatch.setattr(local, "START_TIMEOUT", SOON)
    with locked(HomeDir.at(home).data / "mongod.lock"):
        assert "Another process has" in failure(home)


def test_damaged_data_are_reported_in_mongods_words(home: Path) -> None:
    ensure_running(home)
    kill(home)
    Path(HomeDir.at(home).data, "WiredTiger.turtle").write_bytes(b"junk")
    said = failure(home)
    assert "turtle" in said
    assert str(HomeDir.at(home).log) in said


def test_a_mongod_that_queuectl_did_not_start_is_left_alone(home: Path) -> None:
    place = HomeDir.at(home)
    place.prepare()
    command: list[str | Path] = [locate(os.environ), "--dbpath", place.data, "--port", "0", "--nounixsocket"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as foreign:
        await_that(lambda: holder(place.data) is not None)
        assert f"Process {foreign.pid}, which queuectl did not start" in failure(home)
        with pytest.raises(LocalServerFailed, match="did not start"):
            stop(home)
        assert foreign.poll() is None
        foreign.terminate()


def test_the_current_directory_may_have_been_deleted(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    assert ensure_running(home)


def test_the_relative_path_of_a_home_is_understood(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home.parent.mkdir(exist_ok=True)
    monkeypatch.chdir(home.parent)
    assert ensure_running(Path(home.name)) == ensure_running(home)
