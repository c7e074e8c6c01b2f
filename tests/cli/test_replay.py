"""`queuectl replay`: into another database, and for another view."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from eventqueue.api.queue import Queue
from tests.cli.commands import Queuectl, is_one_sentence
from tests.conftest import NewDatabase
from tests.mongo.conftest import Store
from tests.patience import PATIENCE_S
from tests.transfer.logs import fill, stored

PROJECTION = """
class Tags:
    name = "tags"
    version = 1

    def tally(self, before, after, recorded):
        return {(tag,): {"jobs": 1} for tag in after.tags} if before is None else {}
"""


@pytest.fixture
def filled(queuectl: Queuectl, queue: Queue) -> Queuectl:
    fill(queue)
    return queuectl


def test_the_log_is_copied_byte_for_byte_and_its_views_are_built(
    filled: Queuectl, database: Store, new_database: NewDatabase
) -> None:
    other = new_database()

    ran = filled.ok("replay", "--all", "--into", other.name)

    assert ran.out == f"✔ 8 events copied into {other.name}, and the views built\n"
    assert "start none" in ran.err
    assert stored(other) == stored(database)
    there = filled.with_environ(QUEUECTL_DB=other.name)
    assert there.ok("list", "--json").out == filled.ok("list", "--json").out
    assert there.ok("projections", "verify").code == 0


def test_what_is_not_empty_is_not_copied_into(filled: Queuectl, database: Store) -> None:
    ran = filled.here("replay", "--all", "--into", database.name)

    assert ran.code == 1
    assert is_one_sentence(ran)
    assert "--into NAME" in ran.err
    assert len(stored(database)) == 8


@pytest.mark.parametrize(
    "args",
    [
        (),
        ("a", "--all"),
        ("--all",),
        ("--into", "x"),
        ("--all", "--to", "2"),
        ("a", "--since", "1h"),
        ("--since", "1h"),
    ],
)
def test_what_to_replay_must_be_said_in_one_way(filled: Queuectl, args: tuple[str, ...]) -> None:
    ran = filled.here("replay", *args)

    assert ran.code == 2
    assert is_one_sentence(ran)


def count_tags(filled: Queuectl, cwd: Path, path: str) -> "subprocess.CompletedProcess[str]":
    """Count by a projection, typed in `cwd`, with `path` as where packages are looked for."""
    return subprocess.run(
        [sys.executable, "-m", "eventqueue", "replay", "--projection", "tags_of_jobs:Tags", "--since", "1h", "--json"],
        cwd=cwd,
        env={**filled.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )


def test_a_projection_of_an_installed_package_counts_old_events(filled: Queuectl, tmp_path: Path) -> None:
    (tmp_path / "tags_of_jobs.py").write_text(PROJECTION)

    ran = count_tags(filled, Path("/"), str(tmp_path))

    assert '"counters":[{"key":["nightly"],"counts":{"jobs":1}}]' in ran.stdout, ran.stderr


@pytest.mark.parametrize("path", ["", ".", os.pathsep])
def test_a_projection_in_the_current_directory_is_never_run(filled: Queuectl, tmp_path: Path, path: str) -> None:
    (tmp_path / "tags_of_jobs.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\n{PROJECTION}")

    ran = count_tags(filled, tmp_path, path)

    assert ran.returncode == 1
    assert "the current directory is not looked in" in ran.stderr
    assert not (tmp_path / "ran").exists()
