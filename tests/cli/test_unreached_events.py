"""What a hand has put at the last places of a stream: nothing could follow there, so it holds for nobody."""

import pytest
from bson.raw_bson import RawBSONDocument

from eventqueue.api.queue import Queue
from eventqueue.model.envelope import VERSION_MAX
from eventqueue.model.events import ConfigSet, Event, Head, Paused, Resumed
from eventqueue.model.readable import FAR
from eventqueue.schedules.events import SchedulePaused, ScheduleRemoved
from eventqueue.steering import schedules
from tests.builders import append
from tests.cli.commands import Queuectl
from tests.cli.test_doctor import check

PLACES = pytest.mark.parametrize("place", [VERSION_MAX, VERSION_MAX - 1, FAR + 2])


def forge(queue: Queue, stream: str, place: int, *events: Event) -> None:
    """Put events there as somebody might who has the right to insert."""
    forged = append(stream, *events, head=Head(place - len(events), b"h" * 32)).events
    queue.connection.ground.database["events"].insert_many([RawBSONDocument(one.raw) for one in forged])


@PLACES
def test_a_queue_is_paused_and_resumed_as_before(queuectl: Queuectl, queue: Queue, place: int) -> None:
    queue.pause_queue("mail", "known")
    forge(queue, "queue-mail", place, Paused(why="for ever"), Resumed())
    forge(queue, "queue-other", place, Paused(why="for ever"))

    assert {name: pause.why for name, pause in queue.status().paused.items()} == {"mail": "known"}
    assert queuectl.ok("queue", "resume", "mail").out == "✔ Queue mail is resumed\n"
    assert queuectl.ok("queue", "pause", "other", "--why", "once").out == "✔ Queue other is paused\n"
    assert {name: pause.why for name, pause in queue.status().paused.items()} == {"other": "once"}
    assert {name: pause.why for name, pause in queue.at(queue.connection.ground.clock.now()).paused().items()} == {
        "other": "once"
    }


@PLACES
def test_settings_are_set_as_before(queuectl: Queuectl, queue: Queue, place: int) -> None:
    queuectl.ok("config", "set", "max-retries", "5")
    forge(queue, "config-default", place, ConfigSet(name="max-retries", value=7))

    assert queuectl.ok("config", "get", "max-retries").out == "5\n"
    queuectl.ok("config", "set", "max-retries", "4")
    assert queuectl.ok("config", "get", "max-retries").out == "4\n"


@PLACES
def test_a_schedule_is_steered_as_before(queuectl: Queuectl, queue: Queue, place: int) -> None:
    queuectl.ok("schedule", "add", "beat", "--every", "1h", "--", "true")
    forge(queue, "schedule-beat", place, SchedulePaused(), ScheduleRemoved())

    for word, is_paused in (("pause", True), ("resume", False)):
        queuectl.ok("schedule", word, "beat")
        assert (queue.get_schedule("beat").pause is not None) is is_paused
    queuectl.ok("schedule", "remove", "beat")
    assert queuectl.ok("schedule", "list", "--json").json == []


def test_of_a_schedule_no_more_is_read_than_there_is_however_much_a_hand_has_put_there(
    queuectl: Queuectl, queue: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    queuectl.ok("schedule", "add", "beat", "--every", "1h", "--", "true")
    forge(queue, "schedule-beat", VERSION_MAX, SchedulePaused(), ScheduleRemoved())
    log = queue.connection.ground.log
    parts: list[int] = []
    read_raw = log.read_raw

    def noted(stream: str, after: int = 0, most: int | None = None) -> list[bytes]:
        parts.append(after)
        assert len(parts) < 10
        return read_raw(stream, after, most)

    monkeypatch.setattr(schedules, "PART", 2)
    monkeypatch.setattr(log, "read_raw", noted)

    assert schedules.look(log, "beat").pause is None
    assert parts == [0, 1]


def test_it_is_named_by_doctor_and_by_the_audit(queuectl: Queuectl, queue: Queue) -> None:
    queue.pause_queue("mail")
    forge(queue, "queue-mail", VERSION_MAX, Resumed())

    told = check(queuectl.process("doctor", "--json"), "settings")

    assert f"queue-mail holds an event at version {VERSION_MAX}, where a hand has put it" in told["found"]
    assert told["remedy"] is None
    assert "queue-mail" in queuectl.process("audit", "verify", "--all").out
