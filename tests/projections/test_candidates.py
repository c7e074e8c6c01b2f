"""The views as workers read them: what an open cursor gives out may still be claimed, as far as the view knows."""

from eventqueue.codec import BUCKETS
from eventqueue.ground import Ground
from projections.candidates import ViewFinder
from tests.builders import append, claimed, enqueued
from tests.projections.stage import finish, put


def test_a_job_that_was_claimed_since_its_entry_was_read_is_not_given_out(built: Ground) -> None:
    for name in ("one", "two", "three"):
        put(built, f"job-{name}", enqueued())
    finish(built)
    # All entries come in one batch, and those behind the first wait in it.
    candidates = ViewFinder(built.database).candidates({"default": range(BUCKETS)}, batch=10)
    (first,) = candidates.take(1)
    second, third = sorted({"one", "two", "three"} - {first.id})
    head = built.log.read(f"job-{second}")[-1].head
    built.log.append([append(f"job-{second}", claimed(), head=head)])
    finish(built)

    assert [job.id for job in candidates.take(2)] == [third]
