"""Seals that somebody has appended who may append, and files of seals that several write: neither goes unnoticed."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from eventqueue.api.queue import Queue
from eventqueue.audit.leaves import Leaf, pack
from eventqueue.audit.merkle import Tree, leaf_hash
from eventqueue.audit.seals import LEAVES, SEALS, LeavesSealed
from eventqueue.errors import BadSeals, LogCorrupt, NotSealed
from eventqueue.model.codec import seal
from eventqueue.mongo.clock import majority_time
from eventqueue.mongo.ground import Ground
from eventqueue.ports.log import Append
from eventqueue.sealing import stored
from eventqueue.sealing.files import export, read
from eventqueue.sealing.sealer import Sealer
from eventqueue.sealing.signing import create
from tests.sealing.forger import Forger

FORGED: dict[str, dict[str, Any]] = {
    "looked at what is yet to come": {"until": (2**32 - 1, 0), "looked": (2**32 - 1, 0)},
    "sure of more than it looked at": {"until": (1, 1), "looked": (1, 0)},
    "has more events than there are": {"events": 2**40},
    "dated after the log took it": {"at": 3650},
}


@pytest.mark.parametrize("said", FORGED.values(), ids=FORGED)
def test_a_seal_that_was_appended_by_who_may_append_stops_no_sealing_in_silence(
    queue: Queue, ground: Ground, sealer: Sealer, tmp_path: Path, said: dict[str, Any]
) -> None:
    queue.enqueue(command="true", id="one")
    queue.status()
    first = list(sealer.seal_all())[-1]
    queue.enqueue(command="true", id="two")
    made = stored.last(ground.log)
    assert made is not None
    now = ground.clock.now() + timedelta(days=said.get("at", 0))
    forged = replace(made.said, number=2, previous=first.hash, **{k: v for k, v in said.items() if k != "at"})
    (result,) = ground.log.append([Append(seal(SEALS, made.recorded.head, [forged], actor="mallory", now=now))])
    assert result.is_whole

    with pytest.raises(LogCorrupt, match="forged"):
        Sealer(ground, "other").step()
    assert [one for one in queue.verify_all().findings if one.stream == SEALS]
    with pytest.raises(BadSeals):
        export(ground, str(tmp_path / "seals.jsonl"))


def test_a_seal_that_was_taken_out_is_missed_though_all_others_are_counted_anew(queue: Queue, ground: Ground) -> None:
    for number in range(4):
        queue.enqueue(command="true", id=f"job-{number}")
        Sealer(ground, "test").step(majority_time(ground.database))
    queue.status()
    forger, history = Forger(ground), Forger(ground).history(SEALS)
    kept = [history[0], *history[2:]]
    # What was sealed by the one that is gone is the next one's: so the leaves lead to all the roots that there are.
    kept[1]["data"]["leaves"] = [history[1]["data"]["leaves"][0], history[2]["data"]["leaves"][1]]
    forger.put([{**one, "_id": {"stream": SEALS, "version": place}} for place, one in enumerate(kept, start=1)])

    assert any("or one before it was removed" in one.problem for one in queue.verify_all().findings)
    with pytest.raises(LogCorrupt, match="one before it was removed"):
        Sealer(ground, "other").step()


def test_two_who_add_the_same_seals_to_a_file_do_not_spoil_it(queue: Queue, ground: Ground, tmp_path: Path) -> None:
    for _ in range(5):
        queue.enqueue(command="true")
        Sealer(ground, "test").step(majority_time(ground.database))
    path = str(tmp_path / "seals.jsonl")

    with ThreadPoolExecutor(8) as pool:
        added = sum(pool.map(lambda _: export(ground, path), range(8)))

    assert added == len(list(read(path))) == 5


def test_nothing_is_signed_behind_a_seal_that_was_not_signed_and_does_not_fit_the_log(
    queue: Queue, ground: Ground, tmp_path: Path
) -> None:
    key = create(str(tmp_path / "seal.key"))
    queue.enqueue(command="true", id="one")
    list(Sealer(ground, "test").seal_all())
    made = stored.last(ground.log)
    assert made is not None
    leaf = Leaf("job-never", 1, b"\x11" * 32)
    ((_, piece),) = pack([leaf.data])
    tree = Tree(made.said.size, made.said.peaks).plus([leaf_hash(leaf.data)])
    head = ground.log.read(LEAVES)[-1].head
    now = ground.clock.now()
    leaves = LeavesSealed(seal=2, first=made.said.size, leaves=piece)
    assert ground.log.append([Append(seal(LEAVES, head, [leaves], actor="mallory", now=now))])[0].is_whole
    said = {"number": 2, "size": tree.size, "root": tree.root, "peaks": tree.peaks, "events": made.said.events + 1}
    forged = replace(
        made.said,
        **said,
        previous=made.seal.hash,
        leaves=(head.version + 1, head.version + 1),
        key=None,
        signature=None,
    )
    queue.enqueue(command="true", id="two")
    assert ground.log.append([Append(seal(SEALS, made.recorded.head, [forged], actor="mallory", now=now))])[0].is_whole

    with pytest.raises(LogCorrupt, match="job-never"):
        Sealer(ground, "test", key).step(majority_time(ground.database))
    queue.status()
    assert "job-never" in {one.stream for one in queue.verify_all().findings}


def test_a_log_that_was_sealed_without_a_key_can_be_signed_from_then_on(
    queue: Queue, ground: Ground, tmp_path: Path
) -> None:
    queue.enqueue(command="true", id="one")
    list(Sealer(ground, "test").seal_all())
    queue.enqueue(command="true", id="two")

    signed = list(Sealer(ground, "test", create(str(tmp_path / "seal.key"))).seal_all())

    assert [one.number for one in signed] == [2]
    assert signed[0].signature is not None


def test_a_gap_before_the_last_seal_ends_sealing_with_a_word_and_not_in_a_loop(queue: Queue, ground: Ground) -> None:
    for number in range(3):
        queue.enqueue(command="true", id=f"job-{number}")
        Sealer(ground, "test").step(majority_time(ground.database))
    ground.database["events"].delete_one({"_id.stream": SEALS, "_id.version": 2})
    queue.enqueue(command="true")

    with pytest.raises(LogCorrupt, match="no version 2"):
        Sealer(ground, "other").step(majority_time(ground.database))
    with pytest.raises(NotSealed):
        stored.seal_number(ground.log, 2)
