"""Who serves all queues serves them as one: by priority, then by due time, whatever their names and however many."""

from collections.abc import Collection
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventqueue.model.codec import BUCKETS
from eventqueue.model.job import State
from eventqueue.ports.finder import Ready, Share
from eventqueue.worker.claims.fetch import Fetch
from eventqueue.worker.claims.ownership import Ownership
from eventqueue.worker.claims.serving import Serving
from projections.keeping.generation import current
from tests.worker.stage import Stage

ALL = [Share(None, range(BUCKETS))]
NAMES = ("a", "b", "mail", "zzz")


def ids(stage: Stage, shares: list[Share], limit: int = 100) -> list[str]:
    return [job.id for job in Fetch(stage.connection.finder, stage.log).take(limit, shares)]


def test_priority_goes_before_all_then_due_time_and_names_play_no_role(stage: Stage) -> None:
    early = [stage.enqueue(queue=queue) for queue in ("m", "z", "a")]
    late = [stage.enqueue(queue=queue) for queue in ("z", "a", "m")]
    urgent = [stage.enqueue(queue="zzz", priority=100), stage.enqueue(queue="aaa", priority=100)]

    assert ids(stage, ALL) == [*urgent, *early, *late]


def test_a_time_that_is_long_past_goes_before_nobody_who_was_there(stage: Stage) -> None:
    first = stage.enqueue(queue="honest")
    late = stage.enqueue(queue="early", run_at="1970-01-01T00:00:00Z")

    assert ids(stage, ALL) == [first, late]


def test_named_queues_are_served_in_the_order_that_is_given(stage: Stage) -> None:
    plain, urgent = stage.enqueue(queue="z"), stage.enqueue(queue="a", priority=100)
    stage.enqueue(queue="elsewhere", priority=1000)

    assert ids(stage, [Share("z", range(BUCKETS)), Share("a", range(BUCKETS))]) == [plain, urgent]


def test_no_queue_starves_behind_one_that_is_never_empty(stage: Stage) -> None:
    first = [stage.enqueue(queue="busy") for _ in range(3)]
    waiting = stage.enqueue(queue="quiet")
    [stage.enqueue(queue="busy") for _ in range(3)]

    assert ids(stage, ALL, 4) == [*first, waiting]


def test_a_queue_of_which_no_bucket_is_ones_own_is_passed_over(stage: Stage) -> None:
    [stage.enqueue(queue="elsewhere", priority=10) for _ in range(20)]
    left = [stage.enqueue(queue=queue) for queue in ("z", "a")]

    assert ids(stage, [Share(None, range(BUCKETS), {"elsewhere": ()})]) == left


def test_queues_that_others_share_are_read_in_the_buckets_that_are_ones_own_there(stage: Stage) -> None:
    shared = [stage.enqueue(queue="shared", id=f"s{number}") for number in range(20)]
    own = [stage.enqueue(queue="own", id=f"o{number}") for number in range(20)]
    half = range(0, BUCKETS, 2)
    in_half = [job for job in shared if _bucket(stage, job) % 2 == 0]

    assert ids(stage, [Share(None, range(BUCKETS), {"shared": half})]) == [*in_half, *own]


def test_what_waits_behind_others_is_seen_in_queues_that_they_share(stage: Stage) -> None:
    job = stage.enqueue(queue="shared")
    other = [bucket for bucket in range(BUCKETS) if bucket != _bucket(stage, job)]

    heads = stage.connection.finder.heads([Share(None, other, {"shared": other})], 1)

    assert [one.id for one in heads] == [job]


def _bucket(stage: Stage, job: str) -> int:
    return stage.log.read(f"job-{job}")[0].bucket


def test_of_all_queues_only_what_stands_before_the_cursor_is_a_reason_to_open_it_again(stage: Stage) -> None:
    stage.enqueue(queue="b", priority=5)
    fetch = Fetch(stage.connection.finder, stage.log)
    (job,) = fetch.take(1, ALL)
    assert job.due_at
    later = job.due_at + timedelta(seconds=1)

    assert not fetch.waits_for(Ready("a", 5, later))
    assert not fetch.waits_for(Ready(None, 5, later))
    assert fetch.waits_for(Ready("z", 6, later))
    assert fetch.waits_for(Ready(None, 6, later))


class Pauses:
    """Pauses that are known here, and how often somebody asked."""

    def __init__(self, *paused: str) -> None:
        self.paused = set(paused)
        self.asked: list[set[str]] = []

    def among(self, queues: Collection[str]) -> dict[str, None]:
        self.asked.append(set(queues))
        return dict.fromkeys(self.paused & set(queues))

    def forget(self) -> None:
        pass


def test_who_serves_all_queues_asks_about_those_it_met_and_no_others() -> None:
    pauses = Pauses("held", "never-met")
    serving = Serving((), pauses)  # type: ignore[arg-type]

    assert serving.look({"held", "open"}) == {"held"}
    assert serving.look({"held", "open"}) == {"held"}  # so soon the answer still counts
    assert pauses.asked == [{"held", "open"}]

    serving.forget()
    assert serving.look({"held"}) == {"held"}
    assert pauses.asked[1:] == [{"held"}]


def test_where_others_share_queues_in_very_many_ways_a_share_has_no_part_for_each() -> None:
    ownership = Ownership("me")
    ownership.heartbeat({"me": (), "you": (), **{f"other-{number}": (f"q{number}",) for number in range(200)}})

    assert ownership.share().others == {}
    assert 20 < len(ownership.share().buckets) < 44

    ownership.heartbeat({"me": (), "other": tuple(f"q{number}" for number in range(200))})
    assert len(ownership.share().others) == 200


@given(st.dictionaries(st.sampled_from("uvwxyz"), st.sets(st.sampled_from(NAMES)).map(tuple)))
def test_a_share_of_all_queues_is_what_is_ones_own_in_each(live: dict[str, tuple[str, ...]]) -> None:
    ownership = Ownership("me")
    ownership.heartbeat({**live, "me": ()})
    share = ownership.share()

    for queue in (*NAMES, "unheard-of"):
        assert set(share.others.get(queue, share.buckets)) == ownership.buckets(queue)


@pytest.mark.parametrize("change", [{"jobs": [1]}, {"jobs": 5}, {"priority": "x"}], ids=str)
def test_an_entry_that_somebody_has_altered_keeps_no_other_from_being_claimed(
    stage: Stage, change: dict[str, Any]
) -> None:
    altered, sound = stage.enqueue(priority=9), stage.enqueue()
    live = current(stage.connection.ground.database)
    assert live is not None
    live.due.update_one({"priority": 9}, {"$set": change})

    assert ids(stage, ALL) == [sound]
    assert [job.id for job in stage.connection.finder.heads(ALL, 2)] == [sound]
    assert stage.job(altered).state is State.PENDING


def test_a_job_whose_view_somebody_has_altered_keeps_no_other_from_being_claimed(stage: Stage) -> None:
    altered, sound = stage.enqueue(priority=9), stage.enqueue()
    live = current(stage.connection.ground.database)
    assert live is not None
    live.jobs.update_one({"_id": altered}, {"$set": {"state": "bogus"}})

    assert ids(stage, ALL) == [sound]
