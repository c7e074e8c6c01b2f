"""Which home directory is meant, and who may enter it."""

import os
from pathlib import Path

import pytest

from eventqueue.errors import LocalServerFailed
from eventqueue.server import home
from eventqueue.server.homedir import HomeDir


def test_queuectl_home_goes_before_everything() -> None:
    assert home({"QUEUECTL_HOME": "/srv/q", "XDG_DATA_HOME": "/data", "HOME": "/home/a"}) == Path("/srv/q")


def test_a_relative_queuectl_home_is_relative_to_the_current_directory() -> None:
    assert home({"QUEUECTL_HOME": "q"}) == Path.cwd() / "q"


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
def test_the_data_of_another_user_are_refused(tmp_path: Path) -> None:
    place = HomeDir.at(tmp_path)
    place.prepare()
    os.chown(place.data, 12345, 12345)
    with pytest.raises(LocalServerFailed, match="belongs to the user with id 12345"):
        place.prepare()
