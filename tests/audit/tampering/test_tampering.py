"""Whatever a hand does that may do anything: the audit finds it and says so, or it is one that only a seal finds."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest
from pymongo import MongoClient

from eventqueue.audit.seals import LEAVES, SEALS, Seal
from eventqueue.mongo.ground import look_at
from eventqueue.sealing import gathering
from eventqueue.sealing.holding import hold
from eventqueue.sealing.sealer import Sealer
from tests.audit.tampering import acts, jobs, others, schedules, seals, views
from tests.audit.tampering.kind import SEAL, VERIFY, Kind
from tests.audit.tampering.scene import Scene
from tests.audit.tampering.stage import Stage

KINDS: list[Kind] = [*jobs.KINDS, *others.KINDS, *acts.KINDS, *schedules.KINDS, *seals.KINDS, *views.KINDS]
A_SEAL = 12  # events, about


Find = Callable[[Scene], list[str]]


def told(scene: Scene) -> list[str]:
    """What an audit finds, each as a line."""
    return [f"{one.stream} {one.version}: {one.problem}" for one in scene.verdict().findings]


def held_against_seals(scene: Scene) -> list[str]:
    """What does not fit the seals that were kept, each as a line."""
    return [f"{one.stream} {one.version}: {one.problem}" for one in hold(look_at(scene.database), scene.kept)]


FINDERS: Mapping[str, Find] = {VERIFY: told, SEAL: held_against_seals}
"""What may find it, each by its name in `Kind.found_by`."""


def before_the_hand(scene: Scene) -> None:
    """Seal a new log before any hand comes, and keep the seals."""
    scene.kept = sealing(scene)


def sealing(scene: Scene) -> list[Seal]:
    """Seal the log as it is, in several seals, and have the views see that, too."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(gathering, "VISIBLE_S", -1)  # as if all had been taken long ago
        sealer = Sealer(scene.ground, "tests")
        stamps = sorted(one["ts"] for one in scene.events.find({}, {"ts": 1}))[A_SEAL::A_SEAL]
        made = [*filter(None, map(sealer.step, stamps)), *sealer.seal_all()]
    scene.rewrite_views()
    return made


def seal_anew(scene: Scene) -> None:
    """Have all seals that are in the log be of what it is now."""
    scene.remove(SEALS)
    scene.remove(LEAVES)
    sealing(scene)


@pytest.fixture(scope="module")
def stage(client: MongoClient[dict[str, Any]]) -> Iterator[Stage]:
    stage = Stage(client, before_the_hand)
    yield stage
    stage.close()


@pytest.fixture
def scene(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> Scene:
    """A log that no hand has been at, with its views."""
    monkeypatch.setattr("projections.reading.held_back.LET_GO_S", 0.0)
    return stage.scene()


def test_nothing_is_found_where_no_hand_has_been(scene: Scene) -> None:
    assert told(scene) == []
    assert len(scene.kept) > 2
    assert held_against_seals(scene) == []


def test_nothing_is_found_where_hashes_are_recomputed_and_views_rewritten_of_what_was_not_altered(scene: Scene) -> None:
    before = list(scene.events.find())
    for stream in ("job-done", "late-dead", "config-default"):
        scene.rechain(stream)
    scene.rewrite_views()

    assert told(scene) == []
    assert list(scene.events.find()) == before


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: f"{kind.of}: {kind.name}")
def test_what_a_hand_has_done_is_found_by_what_it_is_said_to_be_found_by(scene: Scene, kind: Kind) -> None:
    kind.act(scene)
    if kind.found_by == SEAL and kind.is_sealed_anew:
        seal_anew(scene)

    for name, find in FINDERS.items():
        found = find(scene)
        if kind.found_by == name:
            assert [line for line in found if kind.words in line], found  # of what a seal finds, whatever it says
        elif name == VERIFY:
            assert found == []


def test_there_are_kinds_of_everything_and_no_two_are_called_alike() -> None:
    assert len(KINDS) >= 60
    assert [name for name, count in Counter((kind.of, kind.name) for kind in KINDS).items() if count > 1] == []
