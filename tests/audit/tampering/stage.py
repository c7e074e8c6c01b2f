"""The same small log for one kind after the other: what a hand has altered is put back, or another log is made."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any
from uuid import uuid4

from bson.codec_options import CodecOptions
from bson.raw_bson import RawBSONDocument
from pymongo import MongoClient
from pymongo.database import Database

from eventqueue.model.codec import LENIENT
from eventqueue.mongo.ground import stand_on
from projections.keeping.tail import token_now
from tests.audit.tampering.scene import Scene

RAW: CodecOptions[RawBSONDocument] = LENIENT.with_options(document_class=RawBSONDocument)
PASSING = ("signals", "leases")  # which no audit looks at

Stored = Mapping[str, Mapping[bytes, RawBSONDocument]]
"""Each collection's documents, as they are stored, by their `_id`."""


class Stage:
    """Gives out scenes that no hand has been at; `prepare`: what is done to each new one before."""

    def __init__(self, client: MongoClient[Any], prepare: Callable[[Scene], object]) -> None:
        self._client = client
        self._prepare = prepare
        self._scene: Scene | None = None
        self._shape: Any = None
        self._stored: Stored = {}

    def scene(self) -> Scene:
        """Return a scene as new."""
        if self._scene is None or _shape(self._scene.database) != self._shape:
            self.close()
            self._scene = Scene(stand_on(self._client[f"test_{uuid4().hex[:16]}"]))
            self._prepare(self._scene)
            self._shape, self._stored = _shape(self._scene.database), _stored(self._scene.database)
        else:
            _restore(self._scene.database, self._stored)
        return self._scene

    def close(self) -> None:
        """Leave nothing behind."""
        if self._scene is not None:
            self._client.drop_database(self._scene.database)


def _shape(database: Database[Any]) -> Any:
    """What collections there are, which they are, and their indexes."""
    return {
        one["name"]: (one["info"], one["options"], database[one["name"]].index_information())
        for one in database.list_collections()
    }


def _stored(database: Database[Any]) -> Stored:
    return {name: dict(_documents(database, name)) for name in database.list_collection_names() if name not in PASSING}


def _documents(database: Database[Any], name: str) -> Iterator[tuple[bytes, RawBSONDocument]]:
    for document in database.get_collection(name, RAW).find():
        key = document["_id"]
        yield bytes(key.raw) if isinstance(key, RawBSONDocument) else repr(key).encode(), document


def _restore(database: Database[Any], stored: Stored) -> None:
    for name, before in stored.items():
        collection, now = database.get_collection(name, RAW), dict(_documents(database, name))
        for key in now.keys() - before.keys():
            collection.delete_one({"_id": now[key]["_id"]})
        for key in before:
            if key not in now:
                collection.insert_one(before[key], bypass_document_validation=True)
            elif now[key].raw != before[key].raw:
                collection.replace_one({"_id": before[key]["_id"]}, before[key], bypass_document_validation=True)
    # What was put back into the log is there for who follows it, as if it were new.
    database["checkpoints"].update_many({}, {"$set": {"token": token_now(database)}})
