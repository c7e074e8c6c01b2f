"""A projection over old events counts what it would have counted live, and leaves no trace."""

from datetime import timedelta
from typing import Any

import pytest

from eventqueue.errors import BadProjection, InvalidInput, Refused
from eventqueue.model.events import Recorded
from eventqueue.model.job import Job
from eventqueue.mongo.ground import Ground
from projections.folds.stats import Stats
from projections.reading.trial import trial
from projections.registry import named
from tests.builders import COMPLETED, append, claimed, enqueued
from tests.projections.crowd import Crowd
from tests.projections.exact import folded
from tests.projections.stage import put


class Kinds:
    """Counts events by their type, with the state that the job was in before."""

    name = "kinds"
    version = 1

    def tally(self, before: Job | None, after: Job, recorded: Recorded) -> dict[tuple[str, ...], dict[str, int]]:
        return {(type(recorded.event).__name__, "new" if before is None else str(before.state)): {"n": 1}}


class Choosy(Kinds):
    """Takes no completed job."""

    def tally(self, before: Job | None, after: Job, recorded: Recorded) -> dict[tuple[str, ...], dict[str, int]]:
        if after.state == "completed":
            raise ValueError("not this one")
        return super().tally(before, after, recorded)


def counted(ground: Ground, projection: Any, since: Any = None) -> dict[tuple[str | int, ...], dict[str, int]]:
    found = trial(ground, projection, since, lambda _: None)
    return {tuple(key): dict(counts) for key, counts in found.counters}


def everything(ground: Ground) -> dict[str, list[Any]]:
    names = sorted(ground.database.list_collection_names())
    return {name: list(ground.database[name].find()) for name in names}


def test_it_counts_what_the_log_holds_late_results_too_and_writes_nothing(crowd: Crowd, ground: Ground) -> None:
    crowd.act(batches=8)
    before = everything(ground)
    expected = folded(ground, [Kinds()]).counters["kinds"]  # type: ignore[list-item]

    assert counted(ground, Kinds()) == expected
    assert any(key[0] == "LateResult" for key in expected)
    assert everything(ground) == before


def test_what_was_before_is_shown_to_it_but_not_counted(ground: Ground) -> None:
    put(ground, "job-one", enqueued(), claimed())
    head = ground.log.read("job-one")[-1]
    assert head.ts is not None
    since = head.ts.as_datetime() + timedelta(seconds=1)
    while ground.clock.now() < since + timedelta(seconds=1):  # an estimate, and the server stamps it by its own
        pass
    ground.log.append([append("job-one", COMPLETED, head=head.head, now=ground.clock.now())])

    assert counted(ground, Kinds(), since) == {("Completed", "processing"): {"n": 1}}


def test_what_it_refuses_is_told_and_stops_nobody(ground: Ground) -> None:
    put(ground, "job-one", enqueued(), claimed(), COMPLETED)
    put(ground, "job-two", enqueued())

    found = trial(ground, Choosy(), None, lambda _: None)  # type: ignore[arg-type]

    assert [(one.job, one.problem) for one in found.refused] == [("one", "job-one version 3: ValueError: not this one")]
    assert found.refused_number == 1
    assert (["Enqueued", "new"], {"n": 2}) in found.counters


def test_a_projection_is_named_by_its_module_and_name() -> None:
    assert named("projections.folds.stats:Stats").version == Stats.version


@pytest.mark.parametrize("where", ["", "stats", "a:b:c", "a b:c", "../x:y", ":x", "x:"])
def test_what_names_no_projection_is_refused(where: str) -> None:
    with pytest.raises(InvalidInput, match="MODULE:NAME"):
        named(where)


def test_a_module_that_is_not_installed_is_refused() -> None:
    with pytest.raises(Refused, match="'no_such_module' is installed"):
        named("no_such_module:P")


@pytest.mark.parametrize("where", ["projections.folds.stats:Nothing", "math:pi", "projections.registry:GROUP"])
def test_what_is_no_projection_is_refused(where: str) -> None:
    with pytest.raises(BadProjection):
        named(where)
