"""Tampering with the seals that the log keeps itself, and with their leaves."""

from collections.abc import Mapping
from typing import Any

from eventqueue.audit.seals import LEAVES, SEALS, LogSealed
from eventqueue.model.events import Resumed
from eventqueue.sealing import stored
from tests.audit.tampering.acts import exchanging, exchanging_what_they_say
from tests.audit.tampering.jobs import ALTERED, removing, rewritten, setting
from tests.audit.tampering.kind import Act, Kind, then
from tests.audit.tampering.scene import Scene, forged, put_next
from tests.sealing.forger import Forger

OF = "seals"
ROOT = "its root is another"
UNNUMBERED = "belongs: it was altered, or one before it was removed"
FOREIGN = "`resumed` is no event of a `seal` stream"


def of_last(act: Any) -> Act:
    """A hand that is told which the last seal is."""

    def done(scene: Scene) -> None:
        last = stored.last(scene.ground.log)
        assert last is not None
        act(last.said.number)(scene)

    return done


def rehashing(stream: str, act: Act) -> Act:
    """The same hand, which makes the hashes of a stream anew afterwards."""
    return then(act, lambda scene: scene.rechain(stream))


def _append_seal(scene: Scene, **fields: Any) -> None:
    last = stored.last(scene.ground.log)
    assert last is not None
    said: Mapping[str, Any] = {name: getattr(last.said, name) for name in last.said.__struct_fields__}
    more = {"number": last.said.number + 1, "previous": last.seal.hash, "key": None, "signature": None}
    scene.put(forged(scene.next_of(SEALS, LogSealed(**{**said, **more, **fields}))))


def _append_seal_of_more(scene: Scene, **fields: Any) -> None:
    last = stored.last(scene.ground.log)
    assert last is not None
    _append_seal(scene, size=last.said.size + 1, events=last.said.events + 1, **fields)


def _refreshed(scene: Scene) -> None:
    """Alter a job, and have every leaf and seal say what it said, of the job as it is now."""
    setting("job-done", 3, "data.exit_code", 1)(scene)
    scene.rechain("job-done")
    forger = Forger(scene.ground)
    forger.seal_again(forger.refresh)


def _remove_last_leaves(scene: Scene) -> None:
    last = stored.last(scene.ground.log)
    assert last is not None
    scene.remove(LEAVES, last.said.leaves[1])


def kind(name: str, act: Act, words: str = "") -> Kind:
    """A kind of tampering with seals: these are left as the hand has made them."""
    return Kind(OF, name, rewritten(act), words, is_sealed_anew=False)


KINDS: list[Kind] = [
    kind("what a seal says is altered", setting(SEALS, 2, "data.events", 99), ALTERED),
    kind(
        "what a seal says is altered, hashes recomputed",
        rehashing(SEALS, setting(SEALS, 2, "data.events", 14)),
        "does not continue seal 2: `previous` is another hash",
    ),
    kind(
        "how much the last seal has sealed is altered, hashes recomputed",
        of_last(lambda number: rehashing(SEALS, setting(SEALS, number, "data.events", 999))),
    ),
    kind(
        "the root of the last seal is altered, hashes recomputed",
        of_last(lambda number: rehashing(SEALS, setting(SEALS, number, "data.root", bytes(32)))),
        ROOT,
    ),
    kind(
        "up to when the last seal has looked is altered, hashes recomputed",
        of_last(lambda number: rehashing(SEALS, setting(SEALS, number, "data.looked", [2**32 - 1, 0]))),
        "was forged: it has looked at what came only after it",
    ),
    kind(
        "the log that the first seal is of is altered, hashes recomputed",
        rehashing(SEALS, setting(SEALS, 1, "data.log", "f" * 32)),
        "the log's first seal is of log ffff",
    ),
    kind(
        "the number of a seal is altered, hashes recomputed",
        rehashing(SEALS, setting(SEALS, 2, "data.number", 7)),
        UNNUMBERED,
    ),
    kind(
        "a seal says that a key has signed it, hashes recomputed",
        of_last(
            lambda number: rehashing(
                SEALS,
                then(
                    setting(SEALS, number, "data.key", b"\x01" * 32),
                    setting(SEALS, number, "data.signature", bytes(64)),
                ),
            )
        ),
        "was forged: it is not signed by the key that it names",
    ),
    kind("what a seal says is no seal's", setting(SEALS, 2, "data.number", "two"), "cannot be read"),
    kind("the first seal is deleted", removing(SEALS, 1), "version 2 stands where version 1 belongs"),
    kind("a seal in the middle is deleted", removing(SEALS, 2), "version 3 stands where version 2 belongs"),
    kind(
        "a seal in the middle is deleted, and the others are counted anew",
        rehashing(SEALS, then(removing(SEALS, 2), lambda scene: scene.renumber(SEALS))),
        UNNUMBERED,
    ),
    kind("the last seal is deleted", of_last(lambda number: removing(SEALS, number))),
    kind("all seals are deleted", removing(SEALS)),
    kind("all seals and all leaves are deleted", then(removing(SEALS), removing(LEAVES))),
    kind("two seals change places", exchanging(SEALS, 2, 3), ALTERED),
    kind(
        "two seals change places, but for their times, hashes recomputed",
        rehashing(SEALS, exchanging_what_they_say(SEALS, 2, 3)),
        UNNUMBERED,
    ),
    kind("the last seal is put at the end once more", _append_seal, "has less than seal"),
    kind("a seal is put at the end that has no leaves", _append_seal_of_more, ROOT),
    kind(
        "a seal is put at the end that has looked at what is yet to come",
        lambda scene: _append_seal_of_more(scene, looked=(2**32 - 1, 0), until=(2**32 - 1, 0)),
        "was forged: it has looked at what came only after it",
    ),
    kind("an event of another kind of stream is put at the end of the seals", put_next(SEALS, Resumed()), FOREIGN),
    kind("leaves are altered", setting(LEAVES, 1, "data.leaves", b"\x00"), ALTERED),
    kind(
        "leaves are altered, hashes recomputed",
        rehashing(LEAVES, setting(LEAVES, 2, "data.leaves", b"\x00\x01x")),
        ROOT,
    ),
    kind("the first leaves are deleted", removing(LEAVES, 1), "version 2 stands where version 1 belongs"),
    kind("the last leaves are deleted", _remove_last_leaves, ROOT),
    kind("all leaves are deleted", removing(LEAVES), ROOT),
    kind("leaves of two seals change places", exchanging(LEAVES, 1, 2), ALTERED),
    kind(
        "leaves of two seals change places, but for their times, hashes recomputed",
        rehashing(LEAVES, exchanging_what_they_say(LEAVES, 1, 2)),
        ROOT,
    ),
    kind("an event of another kind of stream is put at the end of the leaves", put_next(LEAVES, Resumed()), FOREIGN),
    kind("a job is altered, all hashes recomputed, those of leaves and seals, too, views rewritten", _refreshed),
]
