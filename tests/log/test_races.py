"""Many writers at once, each with its own idea of where the streams stand."""

from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from itertools import groupby
from random import Random

import pytest

from eventqueue.model.events import EMPTY, Head, Recorded
from eventqueue.ports.log import Append, Appended, EventLog
from tests.builders import append, said

STREAMS = [f"job-{name}" for name in "abcdef"]
WRITERS, ROUNDS = 6, 15

Written = list[tuple[Append, Appended]]


def write(log: EventLog, seed: int) -> Written:
    """Append random batches onto heads that may be old by then; return what was appended and what became of it."""
    chance = Random(seed)
    heads: dict[str, Head] = dict.fromkeys(STREAMS, EMPTY)
    written: Written = []
    for _ in range(ROUNDS):
        batch = []
        for stream in chance.sample(STREAMS, chance.randint(1, len(STREAMS))):
            if chance.random() < 0.7:  # else: onto what this writer saw last
                heads[stream] = ([EMPTY] + [one.head for one in log.read(stream)])[-1]
            events = [said((seed, number)) for number in range(chance.randint(1, 3))]
            batch.append(append(stream, *events, head=heads[stream]))
        results = log.append(batch)
        written += zip(batch, results, strict=True)
        if chance.random() < 0.3:  # as after an unknown outcome
            assert log.append(batch) == results
    return written


@pytest.fixture
def written(log: EventLog) -> Written:
    with ThreadPoolExecutor(WRITERS) as writers:
        return [one for part in writers.map(lambda seed: write(log, seed), range(WRITERS)) for one in part]


def streams_in(log: EventLog) -> dict[str, list[Recorded]]:
    return {stream: list(events) for stream, events in groupby(log.scan(), lambda one: one.stream)}


def test_no_race_leaves_a_hole_or_breaks_a_chain(log: EventLog, written: Written) -> None:
    for history in streams_in(log).values():
        assert [one.version for one in history] == list(range(1, len(history) + 1))
        assert [one.prev for one in history] == [None, *(one.hash for one in history[:-1])]


def test_each_version_has_one_winner_and_the_log_holds_its_event(log: EventLog, written: Written) -> None:
    winners = defaultdict(list)
    for one, appended in written:
        for recorded in one.recorded[: appended.count]:
            winners[recorded.stream, recorded.version].append(recorded.hash)

    held = {(one.stream, one.version): [one.hash] for one in log.scan()}
    assert winners == held


def test_each_loser_is_told_who_holds_its_place(log: EventLog, written: Written) -> None:
    held = {(one.stream, one.version): one.hash for one in log.scan()}

    lost = [(one.recorded[appended.count], appended) for one, appended in written if not appended.is_whole]
    assert lost, "nobody lost: this was no race"
    for recorded, appended in lost:
        assert appended.conflict == held[recorded.stream, recorded.version] != recorded.hash
