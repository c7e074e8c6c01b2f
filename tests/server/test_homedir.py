"""Which home directory is meant, and who may enter it."""

import os
from datetime import timedelta
from pathlib import Path

import pytest

from eventqueue.errors import LocalServerFailed
from eventqueue.server import home
from eventqueue.server.deadline import Deadline, start_lock
from eventqueue.server.homedir import HomeDir
from eventqueue.server.processes import is_free


def test_queuectl_home_goes_before_everything() -> None:
    assert home({"QUEUECTL_HOME": "/srv/q", "XDG_DATA_HOME": "/data", "HOME": "/home/a"}) == Path("/srv/q")


@pytest.mark.parametrize(
    "environ", [{"QUEUECTL_HOME": "q"}, {"QUEUECTL_HOME": "~nobody-of-this-name/q"}, {"HOME": "h"}]
)
def test_a_home_that_is_another_in_every_directory_is_refused(environ: dict[str, str]) -> None:
    with pytest.raises(LocalServerFailed, match="absolute path"):
        home(environ)


def test_a_tilde_is_the_users_own_directory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/a")
    assert home({"QUEUECTL_HOME": "~/q"}) == Path("/home/a/q")


def test_a_job_that_is_told_no_database_does_not_start_another() -> None:
    with pytest.raises(LocalServerFailed, match="QUEUECTL_URI or QUEUECTL_HOME"):
        home({"HOME": "/home/a", "QUEUECTL_JOB_ID": "42"})
    assert home({"QUEUECTL_HOME": "/srv/q", "QUEUECTL_JOB_ID": "42"}) == Path("/srv/q")


def test_without_it_the_users_data_directory_is_taken() -> None:
    assert home({"XDG_DATA_HOME": "/data", "HOME": "/home/a"}) == Path("/data/queuectl")
    assert home({"HOME": "/home/a"}) == Path("/home/a/.local/share/queuectl")


@pytest.mark.parametrize("ignored", ["", "relative/path"])
def test_an_empty_or_relative_xdg_data_home_is_ignored(ignored: str) -> None:
    environ = {"QUEUECTL_HOME": "", "XDG_DATA_HOME": ignored, "HOME": "/home/a"}
    assert home(environ) == Path("/home/a/.local/share/queuectl")


def test_a_new_home_is_its_owners_alone(tmp_path: Path) -> None:
    place = HomeDir.at(tmp_path / "new" / "home")
    place.prepare()
    assert [path.stat().st_mode & 0o777 for path in (place.root, place.data)] == [0o700, 0o700]


def test_a_directory_that_was_there_keeps_its_mode(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    HomeDir.at(tmp_path).prepare()
    assert tmp_path.stat().st_mode & 0o777 == 0o755


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a directory away")
@pytest.mark.parametrize("part", ["root", "data"])
def test_what_belongs_to_another_user_is_refused(tmp_path: Path, part: str) -> None:
    place = HomeDir.at(tmp_path)
    place.prepare()
    os.chown(getattr(place, part), 12345, 12345)
    with pytest.raises(LocalServerFailed, match="belongs to the user with id 12345"):
        place.check()


@pytest.mark.parametrize("part", ["root", "data"])
@pytest.mark.parametrize("mode", [0o770, 0o702, 0o1777])
def test_a_home_that_others_may_write_to_is_refused(tmp_path: Path, part: str, mode: int) -> None:
    place = HomeDir.at(tmp_path)
    place.prepare()
    getattr(place, part).chmod(mode)
    with pytest.raises(LocalServerFailed, match="chmod go-w"):
        place.check()


def test_a_home_that_others_may_read_is_used(tmp_path: Path) -> None:
    place = HomeDir.at(tmp_path)
    place.prepare()
    place.root.chmod(0o755)
    place.check()


def test_a_log_that_is_a_link_is_refused(tmp_path: Path) -> None:
    place = HomeDir.at(tmp_path)
    place.prepare()
    place.log.symlink_to(tmp_path / "somewhere-else")
    with pytest.raises(LocalServerFailed, match="no plain file"):
        place.check()


def test_a_lock_that_is_a_link_is_not_followed(tmp_path: Path) -> None:
    place = HomeDir.at(tmp_path)
    place.lock.symlink_to(tmp_path / "somewhere-else")
    with pytest.raises(OSError, match="symbolic links"), start_lock(place.lock, Deadline.after(timedelta(seconds=1))):
        raise AssertionError("it was opened")
    assert not (tmp_path / "somewhere-else").exists()


def test_a_lock_of_mongods_that_is_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "mongod.lock").symlink_to(tmp_path / "somewhere-else")
    (tmp_path / "somewhere-else").touch()

    with pytest.raises(OSError, match="symbolic links"):
        is_free(tmp_path)
