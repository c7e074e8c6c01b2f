"""Somebody who administers the database and knows every recipe: events are rewritten, hashes and seals with them.

What they cannot do is to change a seal that is kept elsewhere.
"""

from collections.abc import Callable, Sequence
from hashlib import sha256
from typing import Any

import bson
from bson.timestamp import Timestamp
from msgspec.structs import asdict, replace
from pymongo.database import Database

from eventqueue.audit.leaves import Leaf, pack, parse
from eventqueue.audit.merkle import Tree, leaf_hash
from eventqueue.audit.seals import LEAVES, SEALS, LeavesSealed, LogSealed, Seal
from eventqueue.model.codec import CODEC, seal
from eventqueue.model.events import EMPTY, Event, Head
from eventqueue.mongo.ground import Ground
from eventqueue.sealing import stored
from eventqueue.sealing.sealer import Sealer

Document = dict[str, Any]


class Forger:
    """Has all rights on one log's database."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground
        self.database: Database[Any] = ground.database
        self.events = ground.database["events"].with_options(CODEC)

    def history(self, stream: str) -> list[Document]:
        return [dict(one) for one in self.events.find({"_id.stream": stream}, sort=[("_id", 1)])]

    def remove(self, stream: str, version: int | None = None) -> None:
        place = {"_id.stream": stream} if version is None else {"_id": {"stream": stream, "version": version}}
        assert self.events.delete_many(place).deleted_count

    def put(self, documents: Sequence[Document]) -> None:
        """Replace the stream's events by these, each hashed anew and chained to the one before."""
        self.events.delete_many({"_id.stream": documents[0]["_id"]["stream"]})
        before: bytes | None = None
        for document in documents:
            whole = {**document, "prev": before}
            content = {name: value for name, value in whole.items() if name not in ("ts", "hash")}
            before = sha256(bson.encode(content)).digest()
            self.events.insert_one({**content, "ts": whole["ts"], "hash": before})

    def alter(self, stream: str, version: int, **fields: Any) -> None:
        """Change fields of an event, and make every hash of its stream anew."""
        found = self.history(stream)
        found[version - 1] = {**found[version - 1], **fields}
        self.put(found)

    def scribble(self, stream: str, version: int, **fields: Any) -> None:
        """Change fields of an event, and nothing else."""
        place = {"_id": {"stream": stream, "version": version}}
        assert self.events.update_one(place, {"$set": fields}).modified_count

    def insert(self, stream: str, like: str, ts: Timestamp) -> None:
        """Put in a stream with events that another one has, stamped as if they had always been there."""
        self.put([{**one, "_id": {**one["_id"], "stream": stream}, "ts": ts} for one in self.history(like)])

    def seal_again(self, change: Callable[[Leaf], Leaf | None] = lambda leaf: leaf) -> None:
        """Make all seals anew, over leaves that are changed (None: left out), as if they had always been so."""
        made = list(stored.seals(self._ground.log))
        pieces = stored.Pieces(self._ground.log)
        leaves = [[parse(data) for data in pieces.of(one.said)] for one in made]
        self.remove(SEALS)
        self.remove(LEAVES)
        tree, before = Tree(), None
        for one, old in zip(made, leaves, strict=True):
            new = [leaf for leaf in map(change, old) if leaf is not None]
            tree, before = self._seal(one, new, tree, before)

    def refresh(self, leaf: Leaf) -> Leaf | None:
        """Return the leaf with the hash that its event has by now; None if it is gone."""
        found = self.events.find_one({"_id": {"stream": leaf.stream, "version": leaf.version}})
        return None if found is None else Leaf(leaf.stream, leaf.version, bytes(found["hash"]))

    def seal_from_nothing(self) -> None:
        """Drop all seals, and make new ones."""
        self.remove(SEALS)
        self.remove(LEAVES)
        list(Sealer(self._ground, "test").seal_all())

    def _seal(self, old: stored.Made, leaves: list[Leaf], tree: Tree, before: bytes | None) -> tuple[Tree, bytes]:
        first, head = tree.size, self._head(LEAVES)
        at = old.recorded.at
        events = [
            LeavesSealed(seal=old.said.number, first=first, leaves=piece)
            for _, piece in pack(leaf.data for leaf in leaves)
        ]
        self._append(LEAVES, head, events, at)
        tree = tree.plus(leaf_hash(leaf.data) for leaf in leaves)
        said = replace(
            old.said,
            size=tree.size,
            root=tree.root,
            peaks=tree.peaks,
            previous=before,
            leaves=(head.version + 1, head.version + len(events)),
        )
        self._append(SEALS, self._head(SEALS), [said], at)
        stated = {name: value for name, value in asdict(said).items() if name in Seal.__struct_fields__}
        return tree, Seal(**stated, at=at).hash

    def _head(self, stream: str) -> Head:
        last = self._ground.log.read_last(stream)
        return EMPTY if last is None else last.head

    def _append(self, stream: str, head: Head, events: Sequence[Event], at: Any) -> None:
        for one in seal(stream, head, events, actor="test", now=at):
            self.database["events"].insert_one(bson.decode(one.raw, CODEC))


def moment(said: LogSealed, seconds_before: int = 0) -> Timestamp:
    """Return a `ts` that a seal says to be settled."""
    return Timestamp(said.until[0] - seconds_before, 1)
