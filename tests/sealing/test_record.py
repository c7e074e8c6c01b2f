"""The auditor's record: a log that has less than it had is found out by who only looked at it before."""

import os
from pathlib import Path

import pytest

from eventqueue.api.queue import Queue
from eventqueue.audit.seals import SEALS
from eventqueue.errors import Misconfigured
from eventqueue.model.figures import instant
from eventqueue.mongo.ground import Ground
from eventqueue.sealing.record import less_than_then, recall, remember, standing
from eventqueue.sealing.sealer import Sealer
from tests.limits import no_file_beyond
from tests.sealing.forger import Forger


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "log.json"


@pytest.fixture
def sealed(queue: Queue, ground: Ground) -> Ground:
    queue.enqueue(command="true", id="a")
    assert list(Sealer(ground, "test").seal_all())
    return ground


def words(ground: Ground, path: Path, events: int) -> list[str]:
    then = recall(path)
    assert then is not None
    return [one.problem for one in less_than_then(ground, then, events)]


def test_a_log_that_has_as_much_or_more_is_as_it_should_be(sealed: Ground, path: Path) -> None:
    remember(path, standing(sealed, 5))

    assert words(sealed, path, 5) == words(sealed, path, 6) == []


def test_a_log_that_has_less_was_cut_off(sealed: Ground, path: Path) -> None:
    remember(path, standing(sealed, 5))

    (told,) = words(sealed, path, 4)

    assert "the log has 4 events, and had 5 at " in told


def test_a_seal_that_is_gone_or_another_is_told(queue: Queue, sealed: Ground, path: Path) -> None:
    remember(path, standing(sealed, 3))
    forger = Forger(sealed)
    queue.enqueue(command="true")

    forger.seal_from_nothing()
    assert "it is not the seal 1 that was there at" in words(sealed, path, 4)[0]
    forger.remove(SEALS)
    assert "seal 1 was there at" in words(sealed, path, 4)[0]


def test_a_log_without_a_seal_is_remembered_by_its_events(ground: Ground, path: Path) -> None:
    remember(path, standing(ground, 0))

    assert words(ground, path, 0) == []


def test_the_record_is_its_owners_alone_and_replaced_as_a_whole(sealed: Ground, path: Path) -> None:
    remember(path, standing(sealed, 5))
    remember(path, standing(sealed, 6))

    assert os.stat(path).st_mode & 0o777 == 0o600
    assert [one.name for one in path.parent.iterdir()] == ["log.json"]
    assert (found := recall(path)) is not None
    assert found.events == 6
    assert f'"at":"{instant(found.at)}"' in path.read_text()


def test_a_record_that_cannot_be_written_costs_no_verdict(queue: Queue, sealed: Ground, path: Path) -> None:
    with no_file_beyond(0):
        verdict = queue.verify_all(record=str(path))

    assert not verdict.findings
    assert verdict.unrecorded is not None
    assert "was not renewed" in verdict.unrecorded
    assert not list(path.parent.iterdir())
    assert "the record begins with this" not in "".join(verdict.against)


def test_nothing_is_remembered_before_the_first_look(path: Path) -> None:
    assert recall(path) is None


def test_a_record_of_a_time_that_is_none_is_found_out_before_anything_is_looked_at(sealed: Ground, path: Path) -> None:
    remember(path, standing(sealed, 5))
    good = path.read_text()
    at = good.partition('"at":"')[2].partition('"')[0]
    for odd in ("0001-01-01T00:00:00", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00"):
        path.write_text(good.replace(at, odd))

        with pytest.raises(Misconfigured, match="cannot be read"):
            recall(path)


@pytest.mark.parametrize("content", [b"", b"{}", b"\xff", b'{"log": "x"}'])
def test_a_record_that_cannot_be_read_is_a_sentence(path: Path, content: bytes) -> None:
    path.write_bytes(content)

    with pytest.raises(Misconfigured, match="cannot be read"):
        recall(path)
