"""A disk that is full: it is called that, what was acknowledged is there, and with room all goes on as before."""

import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from eventqueue.api.queue import Queue
from eventqueue.errors import QueueError
from eventqueue.server import ensure_running
from tests.server.servers import clear_away

pytestmark = pytest.mark.faults

ROOM = 400  # MiB: what mongod sets aside at its start takes half of it
LARGE = "x" * 200_000


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A small disk of the test's own."""
    mounting = ["mount", "-t", "tmpfs", "-o", f"size={ROOM}m", "tmpfs", str(tmp_path)]
    if subprocess.run(mounting, check=False, capture_output=True).returncode:
        pytest.skip("only root may mount a disk that is small enough to be filled")
    yield tmp_path
    clear_away(tmp_path / "home")
    subprocess.run(["umount", "--lazy", tmp_path], check=True)


def fill(path: Path) -> None:
    with suppress(OSError), path.open("wb", buffering=0) as file:
        while file.write(bytes(1024 * 1024)):
            pass


def enqueue_without_end(queue: Queue) -> Iterator[str]:
    """Yield the id of each job whose enqueueing was acknowledged."""
    for _ in range(10 * ROOM):
        yield queue.enqueue(command="true", meta={"filler": LARGE}).id


def test_a_full_disk_is_called_that_and_with_room_all_goes_on(disk: Path) -> None:
    home = disk / "home"
    added = []
    with Queue(ensure_running(home), "queue") as queue:
        added.append(queue.enqueue(command="true").id)
        fill(disk / "filler")
        with pytest.raises(QueueError, match=r"is full") as told:
            added.extend(enqueue_without_end(queue))
    assert "URI" not in str(told.value)
    with pytest.raises(QueueError, match="No space left on device"):
        ensure_running(home)

    (disk / "filler").unlink()
    with Queue(ensure_running(home), "queue") as queue:
        assert [queue.get(job_id).id for job_id in added] == added
        assert queue.get(queue.enqueue(command="true").id).version == 1
        assert queue.verify_all().findings == ()
