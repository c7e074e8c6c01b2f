"""The URI leads to a replica set with all that the queue builds on."""

from pymongo.read_concern import ReadConcern
from pymongo.write_concern import WriteConcern

from eventqueue.server import LocalServer
from tests.server.servers import connect

MAJORITY = WriteConcern("majority", j=True)


def test_transactions_commit_and_abort(server: LocalServer) -> None:
    with connect(server.uri) as client, client.start_session() as session:
        kept = client.features.kept
        with session.start_transaction(ReadConcern("snapshot"), MAJORITY):
            kept.insert_one({"_id": "committed"}, session=session)
        with session.start_transaction(ReadConcern("snapshot"), MAJORITY):
            kept.insert_one({"_id": "aborted"}, session=session)
            session.abort_transaction()
        assert [document["_id"] for document in kept.find()] == ["committed"]


def test_a_change_stream_tells_of_an_insert(server: LocalServer) -> None:
    with connect(server.uri) as client, client.features.watched.watch(max_await_time_ms=2000) as changes:
        client.features.watched.insert_one({"_id": "a"})
        assert next(changes)["documentKey"] == {"_id": "a"}


def test_writes_are_retryable_and_acknowledged_by_the_majority(server: LocalServer) -> None:
    with connect(server.uri) as client:
        collection = client.features.get_collection("written", write_concern=MAJORITY)
        assert client.options.retry_writes
        assert collection.insert_one({"_id": "a"}).acknowledged
        assert client.primary
        hello = client.admin.command("hello")
        assert hello["hosts"] == [hello["me"]]


def test_a_capped_collection_can_be_tailed(server: LocalServer) -> None:
    from pymongo import CursorType

    with connect(server.uri) as client:
        signals = client.features.create_collection("signals", capped=True, size=2**16)
        signals.insert_one({"_id": 1})
        with signals.find(cursor_type=CursorType.TAILABLE_AWAIT) as tail:
            assert next(tail) == {"_id": 1}
