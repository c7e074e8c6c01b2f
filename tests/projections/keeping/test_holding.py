"""Jobs of paused queues are not shown as ready, so that nobody has to pass over them; resumed, they are again."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from eventqueue.model.events import Cancelled, Event, Paused, Resumed
from eventqueue.mongo.ground import Ground
from eventqueue.mongo.log import MongoLog
from eventqueue.ports.finder import Signal
from projections.keeping import promotion
from projections.keeping.feed import Feed
from projections.keeping.holding import Holding
from projections.keeping.promotion import let_go
from projections.keeping.signals import Signals
from projections.keeping.turn import Turn
from projections.reading import held_back
from projections.reading.held_back import HeldBack, PausedLately
from projections.reading.reader import ViewReader
from projections.reading.verify import verify
from projections.registry import PROJECTIONS
from tests.builders import append, enqueued
from tests.projections.exact import assert_exact
from tests.projections.stage import await_that, build, finish, live_of, projecting, put, taking_place, turn_in


class Noting(Signals):
    """Notes what it tells."""

    def __init__(self, ground: Ground) -> None:
        super().__init__(ground.database)
        self.told: list[Signal] = []

    def publish(self, signal: Signal) -> None:
        self.told.append(signal)


def waiting(ground: Ground) -> dict[str, Any]:
    """Return how each job is shown, in order of their ids."""
    shown = {one: entry["ready"] for entry in live_of(ground).due.find() for one in entry["jobs"]}
    return {one.rpartition("~")[2]: ready for one, ready in sorted(shown.items(), key=lambda item: item[0][-1])}


def jobs(ground: Ground, queue: str, *names: str, **fields: Any) -> None:
    for name in names:
        put(ground, f"job-{name}", enqueued(queue=queue, **fields))


def switched(ground: Ground, queue: str, event: Event) -> None:
    last = ground.log.read_last(f"queue-{queue}")
    now = ground.clock.now()
    (done,) = ground.log.append(
        [append(f"queue-{queue}", event, now=now)]
        if last is None
        else [append(f"queue-{queue}", event, head=last.head, now=now)]
    )
    assert done.is_whole


@contextmanager
def projector(ground: Ground) -> Iterator[tuple[Turn, Noting]]:
    """A projector's steps, at hand."""
    noting, applier = Noting(ground), taking_place(ground)
    with Feed(ground.database, applier.held.token) as feed, turn_in(ground, applier, feed, noting) as turn:
        yield turn, noting


def test_what_is_ready_in_a_queue_is_held_back_at_its_pause_and_let_go_at_its_end(built: Ground) -> None:
    jobs(built, "mail", "a", "b")
    jobs(built, "web", "c")
    with projecting(built):
        await_that(lambda: waiting(built) == {"a": True, "b": True, "c": True})

        switched(built, "mail", Paused())
        await_that(lambda: waiting(built) == {"a": "held", "b": "held", "c": True})
        assert_exact(built)

        switched(built, "mail", Resumed())
        await_that(lambda: waiting(built) == {"a": True, "b": True, "c": True})
    assert_exact(built)


def test_what_comes_or_becomes_due_in_a_paused_queue_is_never_shown_nor_told(built: Ground) -> None:
    put(built, "queue-mail", Paused())
    finish(built)
    with projector(built) as (turn, noting):
        soon = built.clock.now() + timedelta(milliseconds=200)
        jobs(built, "mail", "a")
        put(built, "job-b", replace(enqueued(queue="mail"), run_at=soon))
        jobs(built, "web", "c")
        while waiting(built) != {"a": "held", "b": "held", "c": True}:
            turn.step(built.clock)
            assert True not in [ready for name, ready in waiting(built).items() if name in "ab"]

    assert {ready.queue for signal in noting.told for ready in signal.ready} == {"web"}
    assert_exact(built)


def test_very_many_are_held_back_and_let_go_some_at_a_time_those_to_be_claimed_first_first(
    built: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(promotion, "PROMOTED_MAX", 1)
    for number in range(3):
        jobs(built, "mail", str(number), priority=number)
    jobs(built, "zoom", "9", priority=9)
    jobs(built, "mars", "m")
    finish(built)
    for queue in ("mail", "mars", "zoom"):
        put(built, f"queue-{queue}", Paused())
    with projector(built) as (turn, noting):
        while set(waiting(built).values()) != {"held"}:
            turn.step(built.clock)
        switched(built, "mail", Resumed())
        switched(built, "zoom", Resumed())
        while set(waiting(built).values()) == {"held"}:
            turn.step(built.clock)

        let_go = [name for name, ready in waiting(built).items() if ready is True]
        while len(let_go) < 4:
            turn.step(built.clock)
            let_go += [name for name, ready in waiting(built).items() if ready is True and name not in let_go]

    assert let_go[-3:] == ["2", "1", "0"] or let_go == ["2", "9", "1", "0"]  # the one event may come before the other
    assert waiting(built)["m"] == "held"
    assert {one.priority for signal in noting.told for one in signal.ready} == {9, 2, 1, 0}


def test_where_nobody_projects_a_reader_lets_go_what_is_paused_no_more(built: Ground) -> None:
    jobs(built, "mail", "a")
    put(built, "queue-mail", Paused())
    with projecting(built):
        await_that(lambda: waiting(built) == {"a": "held"})
    reader = ViewReader(built, PROJECTIONS, "reader")
    jobs(built, "mail", "b")
    assert reader.refresh().is_fresh
    assert waiting(built) == {"a": "held", "b": "held"}

    switched(built, "mail", Resumed())
    assert reader.refresh().is_fresh

    assert waiting(built) == {"a": True, "b": True}


def test_a_look_that_does_not_show_the_end_of_a_pause_yet_holds_nothing_back(
    built: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("projections.keeping.holding.HEAL_EVERY", timedelta(days=1))
    jobs(built, "mail", "a")
    put(built, "queue-mail", Paused())
    with projecting(built):
        await_that(lambda: waiting(built) == {"a": "held"})
        monkeypatch.setattr(MongoLog, "find_next", lambda *_: set())  # as a new primary answers, for a moment
        switched(built, "mail", Resumed())

        await_that(lambda: waiting(built) == {"a": True})


def test_what_is_missed_is_put_right_after_a_while(built: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("projections.keeping.holding.HEAL_EVERY", timedelta(milliseconds=50))
    monkeypatch.setattr(Holding, "saw", lambda *_: None)
    jobs(built, "mail", "a")
    with projecting(built):
        await_that(lambda: waiting(built) == {"a": True})
        put(built, "queue-mail", Paused())

        await_that(lambda: waiting(built) == {"a": "held"})


def test_a_verification_names_what_is_held_back_for_no_reason(built: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("projections.reading.held_back.LET_GO_S", 0.1)
    jobs(built, "mail", "a")
    jobs(built, "web", "b")
    put(built, "queue-mail", Paused())
    finish(built)
    live_of(built).due.update_many({}, {"$set": {"ready": "held"}})

    assert [(one.where, one.problem.partition(",")[0]) for one in verify(built, PROJECTIONS)] == [
        ("b", "is held back from workers")
    ]


def test_a_verification_waits_for_what_is_about_to_be_let_go(built: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    jobs(built, "mail", "a")
    finish(built)
    live_of(built).due.update_many({}, {"$set": {"ready": "held"}})
    still_held = HeldBack.still_held
    looked: list[int] = []

    def letting_go(back: HeldBack, left: Mapping[str, str]) -> set[str]:
        found = still_held(back, left)
        looked.append(len(found))
        if found:
            assert let_go(taking_place(built), built.clock.now())
        return found

    monkeypatch.setattr(HeldBack, "still_held", letting_go)

    assert list(verify(built, PROJECTIONS)) == []
    assert looked == [1, 0]


def test_who_comes_into_the_place_puts_right_what_others_showed(built: Ground) -> None:
    put(built, "queue-mail", Paused())
    jobs(built, "mail", "a")
    jobs(built, "web", "b")
    build(built)  # it knows of no pauses, as a reader that catches up
    assert waiting(built) == {"a": True, "b": True}
    live_of(built).due.update_one({"queue": "web"}, {"$set": {"ready": "held"}})

    with projecting(built):
        await_that(lambda: waiting(built) == {"a": "held", "b": True})


@pytest.mark.parametrize(
    ("ready", "change"),
    [
        ("held", {"$unset": {"due_at": 1}}),
        ("held", {"$set": {"priority": "x"}}),
        (False, {"$unset": {"queue": 1}}),
        (False, {"$set": {"due_at": "x"}}),
    ],
    ids=str,
)
def test_an_entry_that_somebody_has_altered_has_the_views_built_anew(
    built: Ground, ready: bool | str, change: dict[str, Any]
) -> None:
    jobs(built, "mail", "a")
    with projecting(built) as running:
        await_that(lambda: waiting(built) == {"a": True})
        live_of(built).due.update_one({}, {**change, "$set": {**change.get("$set", {}), "ready": ready}})
        put(built, "queue-web", Paused())  # so that it looks
        jobs(built, "web", "b")

        await_that(lambda: live_of(built).number > 1 and waiting(built) == {"a": True, "b": "held"})
        assert running.error is None
    assert_exact(built)


def test_what_happens_to_no_queue_ends_no_projector_and_what_was_paused_stays_so(built: Ground) -> None:
    jobs(built, "mail", "a")
    with projecting(built) as running:
        switched(built, "mail", Paused())
        await_that(lambda: waiting(built) == {"a": "held"})

        def go_on() -> None:
            switched(built, "mail", Cancelled(why="w"))
            jobs(built, "mail", "b")
            jobs(built, "web", "c")
            await_that(lambda: waiting(built) == {"a": "held", "b": "held", "c": True})

        with pytest.warns(UserWarning, match="Queue mail stays paused"):  # whenever it comes
            go_on()
    assert running.error is None


def test_of_however_many_queues_few_are_remembered_and_each_is_looked_up_rightly(
    built: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(held_back, "KNOWN_MAX", 2)
    put(built, "queue-q3", Paused())
    lately = PausedLately(built.log)
    most = 0

    for name in [f"q{number}" for number in (1, 2, 3, 4, 5, 3, 1)]:
        assert (name in lately) == (name == "q3")
        most = max(most, len(lately._known))

    assert most == 2
