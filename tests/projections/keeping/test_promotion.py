"""Jobs become ready when they are due: applied so, or promoted later, and by the holder of the place alone."""

from datetime import timedelta

import pytest
from msgspec.structs import replace

from eventqueue.errors import Fenced
from eventqueue.model.events import EMPTY, Event, Head
from eventqueue.mongo.ground import Ground
from eventqueue.ports.finder import Ready
from projections.folds.decoding import Poison
from projections.keeping.promotion import PROMOTED_MAX, next_due, promote
from tests.builders import BEFORE, CANCELLED, NOW, SOON, append, claimed, enqueued, failed
from tests.projections.stage import (
    apply_all,
    await_that,
    document,
    is_ready,
    live_of,
    projecting,
    put,
    put_long_ago,
    taking_place,
    unread,
)

DAY = timedelta(days=1)


def head_of(ground: Ground, stream: str) -> Head:
    history = ground.log.read(stream)
    return history[-1].head if history else EMPTY


def test_a_job_that_is_due_is_ready_once_it_is_applied(built: Ground) -> None:
    put_long_ago(built, "job-one", enqueued())

    apply_all(built, taking_place(built), now=NOW)

    assert is_ready(built, "one")


def test_a_delayed_job_becomes_ready_when_it_is_due_and_not_before(built: Ground) -> None:
    put_long_ago(built, "job-one", replace(enqueued(), run_at=SOON, priority=3))
    applier = taking_place(built)
    apply_all(built, applier, now=NOW)

    assert next_due(applier) == SOON
    assert promote(applier, SOON - timedelta(milliseconds=1)) is None
    assert not is_ready(built, "one")

    signal = promote(applier, SOON)
    assert signal is not None
    assert signal.ready == (Ready("default", 3, SOON, (("one", 1),)),)
    assert is_ready(built, "one")
    assert next_due(applier) is None


def test_a_job_that_waits_for_its_retry_becomes_ready_when_that_is_due(built: Ground) -> None:
    put_long_ago(built, "job-one", enqueued(), claimed(), failed(retry_at=SOON))
    applier = taking_place(built)
    apply_all(built, applier, now=NOW)

    promote(applier, SOON)

    assert is_ready(built, "one")
    assert document(built, "one")["state"] == "failed"


@pytest.mark.parametrize("event", [claimed(), CANCELLED], ids=["claimed", "cancelled"])
def test_a_job_that_was_claimed_or_cancelled_before_it_was_due_is_not_made_ready(built: Ground, event: Event) -> None:
    put_long_ago(built, "job-one", replace(enqueued(), run_at=SOON))
    applier = taking_place(built)
    apply_all(built, applier, now=NOW)
    built.log.append([append("job-one", event, head=head_of(built, "job-one"))])
    apply_all(built, applier, now=NOW)

    assert promote(applier, SOON) is None

    assert not is_ready(built, "one")


def test_a_job_that_was_ready_is_not_once_it_is_claimed(built: Ground) -> None:
    put_long_ago(built, "job-one", enqueued())
    applier = taking_place(built)
    apply_all(built, applier, now=NOW)
    built.log.append([append("job-one", claimed(), head=head_of(built, "job-one"))])

    apply_all(built, applier, now=SOON)

    assert not is_ready(built, "one")


def test_one_who_lost_the_place_promotes_nothing(built: Ground) -> None:
    put_long_ago(built, "job-one", replace(enqueued(), run_at=SOON))
    zombie = taking_place(built)
    apply_all(built, zombie, now=NOW)
    taking_place(built)

    with pytest.raises(Fenced):
        promote(zombie, SOON)

    assert not is_ready(built, "one")


def test_a_parked_job_is_not_promoted(built: Ground) -> None:
    put_long_ago(built, "job-one", replace(enqueued(), run_at=SOON))
    applier = taking_place(built)
    apply_all(built, applier, now=NOW)
    _, token = unread(built, applier.held.token)
    applier.apply([Poison("job-one", 2, "it cannot be read")], token, NOW)

    assert promote(applier, SOON) is None
    assert next_due(applier) is None

    assert not is_ready(built, "one")


def test_more_jobs_than_one_transaction_takes_are_promoted_one_after_the_other(built: Ground) -> None:
    event = replace(enqueued(), run_at=SOON)
    built.log.append([append(f"job-{number}", event) for number in range(PROMOTED_MAX + 1)])
    applier = taking_place(built)
    apply_all(built, applier, now=NOW)

    signals = [promote(applier, SOON) for _ in range(3)]

    assert [signal is not None for signal in signals] == [True, True, False]
    assert live_of(built).due.count_documents({"ready": True}) == PROMOTED_MAX + 1


def test_promoting_reads_what_is_due_and_not_the_view(built: Ground) -> None:
    waiting = replace(enqueued(), run_at=SOON + DAY)
    built.log.append([append(f"job-{number}", waiting) for number in range(200)])
    put_long_ago(built, "job-due", replace(enqueued(), run_at=SOON))
    applier = taking_place(built)
    apply_all(built, applier, now=NOW)

    built.database.command("profile", 2)
    promote(applier, SOON)
    next_due(applier)
    built.database.command("profile", 0)

    name = f"{built.database.name}.{live_of(built).due.name}"
    assert [one["docsExamined"] for one in built.database["system.profile"].find({"ns": name})] == [1, 1, 1]


def test_the_projector_promotes_by_itself(built: Ground) -> None:
    asked = built.clock.now()
    put(built, "job-one", replace(enqueued(), run_at=asked + timedelta(milliseconds=300)))
    apply_all(built, taking_place(built), now=asked)  # however long it took to get here
    assert not is_ready(built, "one")

    with projecting(built):
        await_that(lambda: is_ready(built, "one"))

    assert built.clock.now() >= document(built, "one")["due_at"]


def test_a_job_enqueued_for_the_past_is_ready_at_once(built: Ground) -> None:
    put_long_ago(built, "job-one", replace(enqueued(), run_at=BEFORE))

    signal = apply_all(built, taking_place(built), now=NOW)

    assert signal.ready == (Ready("default", 0, BEFORE, (("one", 1),)),)
