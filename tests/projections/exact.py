"""What the views should hold, computed from the log alone, beside what they do hold."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from eventqueue.model.codec import bucket_of
from eventqueue.model.events import Recorded, category_of, name_in
from eventqueue.model.job import Job, State, evolve
from eventqueue.mongo.ground import Ground
from projections.folds.due import JOBS_MAX, SPREAD, ids_in, member
from projections.folds.jobs import to_job
from projections.folds.projection import Key, Projection
from projections.keeping import checkpoint, generation
from projections.keeping.generation import Generation
from projections.registry import PROJECTIONS

Counters = dict[str, dict[Key, dict[str, int]]]


@dataclass
class Views:
    """Everything in a generation that is folded from events."""

    jobs: dict[str, Job]
    late: dict[str, int]  # job id -> how many late results
    counters: Counters
    applied: int
    entries: dict[str, Any]


def folded(ground: Ground, projections: Sequence[Projection] = PROJECTIONS) -> Views:
    """Fold the log from its beginning."""
    jobs: dict[str, Job] = {}
    late: Counter[str] = Counter()
    sums: dict[str, dict[Key, Counter[str]]] = {one.name: defaultdict(Counter) for one in projections}
    applied = 0
    for recorded in ground.log.scan():
        if category_of(recorded.stream) not in ("job", "late"):
            continue
        before, after = _around(jobs, late, recorded)
        applied += 1
        for one in projections:
            for key, increments in one.tally(before, after, recorded).items():
                sums[one.name][key].update(increments)
    counters = {name: _plain(by_key) for name, by_key in sums.items()}
    return Views(jobs, dict(late), counters, applied, _entries_of(jobs.values()))


def _entries_of(jobs: Iterable[Job]) -> dict[str, Any]:
    """What the jobs should be found by."""
    claims: dict[str, set[str]] = defaultdict(set)
    due, failures = {}, {}
    for job in jobs:
        if job.due_at is not None:
            due[job.id] = (job.queue, bucket_of(job.stream), job.priority, job.due_at)
        if job.worker is not None:
            claims[job.worker].add(job.id)
        if job.state in (State.FAILED, State.DEAD, State.CANCELLED):
            is_unburied = job.state is State.FAILED and job.due_at is None
            failures[job.id] = (job.state, job.queue, job.updated_at, is_unburied)
    return {"due": due, "claims": dict(claims), "failures": failures}


def _entries_in(live: Generation) -> dict[str, Any]:
    return {
        "due": dict(_due_in(live)),
        "claims": {one["_id"]: set(one["jobs"]) for one in live.claims.find()},
        "failures": {
            one["_id"]: (one["state"], one["queue"], one["at"], one.get("is_unburied", False))
            for one in live.failures.find()
        },
    }


def _due_in(live: Generation) -> Iterator[tuple[str, tuple[str, int, int, datetime]]]:
    """Yield each job that workers find, with how they find it, once it is sure that its entry is the right one."""
    # All at once: an entry is hardly ever shared in a log of a test, and to look for each one's jobs takes longest.
    jobs, seen = {one["_id"]: one for one in live.jobs.find()}, set()
    for entry in live.due.find():
        assert 0 < len(entry["jobs"]) <= JOBS_MAX
        assert entry["jobs"] == sorted(entry["jobs"])
        for job in (jobs[job_id] for job_id in ids_in(entry) if job_id in jobs):
            assert job["entry"] == entry["_id"]
            assert job["_id"] not in seen
            assert entry["due_at"] <= job["due_at"] <= entry["due_at"] + SPREAD
            assert member(to_job(job)) in entry["jobs"]
            seen.add(job["_id"])
            yield job["_id"], (entry["queue"], entry["bucket"], entry["priority"], job["due_at"])


def _around(jobs: dict[str, Job], late: Counter[str], recorded: Recorded) -> tuple[Job | None, Job]:
    job_id = name_in(recorded.stream)
    before = jobs.get(job_id)
    if category_of(recorded.stream) == "late":
        late[job_id] += 1
        assert before is not None
        return before, before
    jobs[job_id] = evolve(before, recorded)
    return before, jobs[job_id]


def shown(ground: Ground, projections: Sequence[Projection] = PROJECTIONS) -> Views:
    """Read the live generation."""
    live = generation.current(ground.database)
    assert live is not None
    held = checkpoint.read(ground.database, live.number)
    assert held is not None
    documents = list(live.jobs.find())
    return Views(
        jobs={one["_id"]: to_job(one) for one in documents if "version" in one},
        late={one["_id"]: one["late_version"] for one in documents if one.get("late_version")},
        counters={one.name: _plain(_counters(live, one.name)) for one in projections},
        applied=held.applied,
        entries=_entries_in(live),
    )


def _counters(live: Generation, name: str) -> dict[Key, Mapping[str, int]]:
    return {tuple(one["_id"]["key"]): one["n"] for one in live.tally(name).find()}


def _plain(counters: Mapping[Key, Mapping[str, int]]) -> dict[Key, dict[str, int]]:
    # A counter that came back to zero, and one that was never touched, say the same.
    found = {key: {name: count for name, count in counts.items() if count} for key, counts in counters.items()}
    return {key: counts for key, counts in found.items() if counts}


def assert_exact(ground: Ground, projections: Sequence[Projection] = PROJECTIONS) -> None:
    """The views hold exactly what the log says: each job, each counter, each event counted once."""
    views = shown(ground, projections)
    assert views == folded(ground, projections)
    _assert_counts_equal_jobs(views)


def assert_counts_equal_jobs(ground: Ground) -> None:
    """The state counters are what counting the documents of the jobs view gives."""
    _assert_counts_equal_jobs(shown(ground))


def _assert_counts_equal_jobs(view: Views) -> None:
    by_hand: dict[str, Counter[str]] = defaultdict(Counter)
    for job in view.jobs.values():
        by_hand[job.queue][job.state] += 1
    counted = {key[1]: counts for key, counts in view.counters["stats"].items() if key[0] == "state"}
    assert counted == by_hand


def documents(live: Generation, names: Sequence[str] = ("stats",)) -> dict[str, list[dict[str, Any]]]:
    """Every document of a generation's views, in order; of entries, whatever jobs share one, each job's by itself."""
    return {
        "jobs": [dict(one) for one in live.jobs.find({}, {"entry": 0}, sort=[("_id", 1)])],
        "due": [{"_id": job_id, "found": found} for job_id, found in sorted(_due_in(live))],
        "claims": [{**one, "jobs": sorted(one["jobs"])} for one in live.claims.find(sort=[("_id", 1)])],
        "failures": [dict(one) for one in live.failures.find(sort=[("_id", 1)])],
        **{name: [dict(one) for one in live.tally(name).find(sort=[("_id", 1)])] for name in names},
    }
