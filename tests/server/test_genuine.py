"""The embedded mongod is held against its SHA-256 before it is started, and once a home."""

import hashlib
import os
import shutil
import sys
from pathlib import Path

import pytest

from eventqueue.errors import LocalServerFailed
from eventqueue.server import ensure_running, genuine
from eventqueue.server.genuine import check_once
from eventqueue.server.homedir import HomeDir
from eventqueue.server.locate import is_embedded, locate
from tests.server.servers import clear_away

EMBEDDED = locate({"PATH": ""})


@pytest.fixture
def place(tmp_path: Path) -> HomeDir:
    place = HomeDir.at(tmp_path / "home")
    place.prepare()
    return place


def test_the_installed_one_is_genuine_and_is_read_once(place: HomeDir, monkeypatch: pytest.MonkeyPatch) -> None:
    check_once(EMBEDDED, place)
    monkeypatch.setattr(hashlib, "file_digest", None)  # to read it again would fail

    check_once(EMBEDDED, place)


@pytest.mark.parametrize("change", ["replaced", "changed"])
def test_another_is_refused_also_after_it_was_genuine(
    place: HomeDir, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    mongod = tmp_path / "mongod"
    mongod.write_bytes(b"genuine")
    monkeypatch.setattr(genuine, "SHA256", hashlib.sha256(b"genuine").hexdigest())
    check_once(mongod, place)
    was = mongod.stat()
    if change == "replaced":
        mongod.unlink()
    mongod.write_bytes(b"altered")  # of the same size
    os.utime(mongod, ns=(was.st_atime_ns, was.st_mtime_ns))

    for _ in range(2):
        with pytest.raises(LocalServerFailed, match="is not the MongoDB that was installed"):
            check_once(mongod, place)


def test_a_local_server_is_not_started_with_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wheel = tmp_path / "site" / "fiftyone" / "db" / "bin" / "mongod"
    wheel.parent.mkdir(parents=True)
    shutil.copy("/bin/true", wheel)
    monkeypatch.setattr(sys, "path", [str(tmp_path / "site"), *sys.path])
    monkeypatch.delitem(sys.modules, "fiftyone", raising=False)
    monkeypatch.setenv("PATH", "")
    assert is_embedded(locate(os.environ))

    with pytest.raises(LocalServerFailed, match="is not the MongoDB that was installed"):
        ensure_running(tmp_path / "home")
    clear_away(tmp_path / "home")


def test_a_mongod_of_ones_own_is_not_asked_about(tmp_path: Path) -> None:
    own = tmp_path / "mongod"
    shutil.copy("/bin/true", own)

    assert not is_embedded(locate({"QUEUECTL_MONGOD": str(own)}))
    assert not is_embedded(locate({"PATH": str(tmp_path)}))
