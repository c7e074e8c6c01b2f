"""Files of seals: only ever added to, and only what continues them."""

import os
from pathlib import Path

import pytest
from msgspec.structs import replace

from eventqueue.api.queue import Queue
from eventqueue.audit.seals import SEALS, Seal, encode
from eventqueue.errors import BadSeals
from eventqueue.mongo.ground import Ground
from eventqueue.sealing import stored
from eventqueue.sealing.files import export, read
from eventqueue.sealing.sealer import Sealer
from tests.limits import no_file_beyond
from tests.sealing.forger import Forger


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "seals.jsonl")


def make(queue: Queue, ground: Ground, number: int) -> None:
    """Make the log have so many seals."""
    sealer = Sealer(ground, "test")
    for _ in range(number - len(seals(ground))):
        queue.enqueue(command="true")
        assert list(sealer.seal_all())


def seals(ground: Ground) -> list[Seal]:
    return [one.seal for one in stored.seals(ground.log)]


def test_a_file_is_given_the_seals_that_it_lacks(queue: Queue, ground: Ground, path: str) -> None:
    make(queue, ground, 2)
    assert export(ground, path) == 2
    before = Path(path).read_bytes()
    make(queue, ground, 3)

    assert export(ground, path) == 1
    assert export(ground, path) == 0

    assert Path(path).read_bytes().startswith(before)
    assert list(read(path)) == seals(ground)


def test_an_empty_file_will_do_and_so_will_a_part_of_the_seals(queue: Queue, ground: Ground, path: str) -> None:
    make(queue, ground, 3)
    Path(path).touch()
    assert export(ground, path) == 3

    Path(path).write_bytes(encode(seals(ground)[1]))
    assert export(ground, path) == 1
    assert list(read(path)) == seals(ground)[1:]


def test_nothing_is_read_again_that_the_file_has_already(queue: Queue, ground: Ground, path: str) -> None:
    make(queue, ground, 3)
    export(ground, path)
    make(queue, ground, 4)
    Forger(ground).scribble(SEALS, 1, data={"number": "one"})  # who reads that is told that it is no seal

    assert export(ground, path) == 1


def test_what_was_added_is_on_the_disk(
    queue: Queue, ground: Ground, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[tuple[int, bytes]] = []
    sync = os.fsync

    def noting(file: int) -> None:
        sync(file)
        synced.append((os.fstat(file).st_ino, Path(path).read_bytes()))

    make(queue, ground, 2)
    monkeypatch.setattr(os, "fsync", noting)

    export(ground, path)

    assert synced[-1] == (os.stat(path).st_ino, b"".join(map(encode, seals(ground))))


def test_a_disk_that_is_full_leaves_no_part_of_a_line(queue: Queue, ground: Ground, path: str) -> None:
    make(queue, ground, 3)
    lines = [encode(seal) for seal in seals(ground)]
    room = len(lines[0]) + len(lines[1]) // 2

    with no_file_beyond(room), pytest.raises(OSError, match=r"seals\.jsonl"):
        export(ground, path)

    assert Path(path).read_bytes() == lines[0]
    assert export(ground, path) == 2
    assert list(read(path)) == seals(ground)


def test_a_file_of_something_else_is_refused(queue: Queue, ground: Ground, path: str) -> None:
    make(queue, ground, 1)
    for content in (b"\n", b"notes\n", b"x" * 10_000, b"x" * 10_000 + b"\n"):
        Path(path).write_bytes(content)

        with pytest.raises(BadSeals, match=r"The last line of .* is no seal"):
            export(ground, path)
        assert Path(path).read_bytes() == content


def test_where_the_logs_own_seal_names_another_log_the_file_is_not_blamed(
    queue: Queue, ground: Ground, path: str
) -> None:
    make(queue, ground, 1)
    export(ground, path)
    forger = Forger(ground)
    forger.alter(SEALS, 1, data={**forger.history(SEALS)[0]["data"], "log": "f" * 32})

    with pytest.raises(BadSeals, match=r"Seal 1 in .* is not the one in the log"):
        export(ground, path)


@pytest.mark.parametrize("cut", [1, 40, 200])
def test_a_file_that_is_cut_is_refused_and_not_added_to(queue: Queue, ground: Ground, path: str, cut: int) -> None:
    make(queue, ground, 2)
    export(ground, path)
    cut_off = Path(path).read_bytes()[:-cut]
    Path(path).write_bytes(cut_off)
    make(queue, ground, 3)

    with pytest.raises(BadSeals, match=r"The last line of .* it is cut"):
        export(ground, path)
    assert Path(path).read_bytes() == cut_off


def test_seals_of_another_log_are_not_added_to(queue: Queue, ground: Ground, path: str) -> None:
    make(queue, ground, 1)
    Path(path).write_bytes(encode(replace(seals(ground)[0], log="f" * 32)))

    with pytest.raises(BadSeals, match=r"holds seals of log f+, and this is log"):
        export(ground, path)


def test_seals_that_the_log_has_otherwise_are_not_added_to(queue: Queue, ground: Ground, path: str) -> None:
    make(queue, ground, 2)
    export(ground, path)
    Forger(ground).seal_again(lambda leaf: replace(leaf, hash=bytes(32)))
    make(queue, ground, 3)
    before = Path(path).read_bytes()

    with pytest.raises(BadSeals, match=r"Seal 2 in .* is not the one in the log"):
        export(ground, path)
    assert Path(path).read_bytes() == before


def test_seals_that_the_log_has_no_more_are_not_added_to(queue: Queue, ground: Ground, path: str) -> None:
    make(queue, ground, 2)
    export(ground, path)
    Forger(ground).events.delete_many({"_id.version": 2})

    with pytest.raises(BadSeals, match=r"Seal 2 in .* is not the one in the log"):
        export(ground, path)
