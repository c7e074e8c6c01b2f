"""`queuectl dlq ignore` and `unignore`: kinds of failures that stand apart, and are told all the same."""

from datetime import timedelta

import bson
import pytest
from bson.raw_bson import RawBSONDocument

from eventqueue.api.queue import Queue
from eventqueue.errors import InvalidInput
from eventqueue.model.envelope import VERSION_MAX
from eventqueue.model.events import Head
from eventqueue.model.fingerprint import fingerprint
from eventqueue.model.ignoring import Ignored
from eventqueue.steering.ignoring import ignored
from tests.builders import append
from tests.cli.commands import Queuectl, is_one_sentence
from tests.cli.past import died
from tests.cli.test_unreadable_events import put_spoilt

GONE, FULL = fingerprint("exit code 1: user 42 is gone"), fingerprint("exit code 2: no space")
HOUR = timedelta(hours=1)


@pytest.fixture
def broken(queuectl: Queuectl, queue: Queue) -> Queuectl:
    """Two dead jobs of one kind, one of another."""
    for job_id, message in (("a", "1: user 1 is gone"), ("b", "1: user 2 is gone"), ("full", "2: no space")):
        queue.enqueue(id=job_id, command="false")
        died(queue, job_id, f"exit code {message}")
    return queuectl


def kinds(queuectl: Queuectl, *options: str) -> list[str]:
    return [one["fingerprint"] for one in queuectl.ok("errors", "--json", *options).json]


def test_what_is_ignored_is_told_apart_also_what_comes_later_until_it_is_heeded(broken: Queuectl, queue: Queue) -> None:
    done = broken.process("dlq", "ignore", GONE, "--why", "they have left")
    queue.enqueue(id="c", command="false")
    died(queue, "c", "exit code 1: user 3 is gone")

    assert done.out == f"✔ Errors {GONE} are ignored\n"
    assert kinds(broken) == [FULL]
    assert kinds(broken, "--ignored") == [GONE, FULL]
    shown = broken.ok("errors")
    assert GONE not in shown.out
    assert "1 kind with 3 failures ignored: --ignored shows them too." in shown.err
    lines = broken.ok("errors", "--ignored").out.splitlines()
    assert "IGNORED" in lines[0]
    assert "they have left" in lines[1]
    assert kinds(broken, "--past") == [FULL]
    assert broken.ok("dlq", "unignore", GONE).out == f"✔ Errors {GONE} are heeded again\n"
    assert broken.ok("dlq", "unignore", GONE).out == f"✔ Errors {GONE} are not ignored\n"
    assert kinds(broken) == [GONE, FULL]
    assert [one.state for one in queue.list().jobs] == ["dead"] * 4


def test_it_is_over_at_its_time(broken: Queuectl, queue: Queue) -> None:
    broken.ok("dlq", "ignore", GONE, "--until", "1h")
    (group,) = [one for one in queue.errors().groups if one.fingerprint == GONE]
    assert group.ignored
    assert group.ignored.until

    clock = queue.connection.ground.clock
    assert HOUR - timedelta(minutes=5) < group.ignored.until - clock.now() <= HOUR
    log = queue.connection.ground.log
    assert ignored(log, group.ignored.until - timedelta(milliseconds=1)).kinds.keys() == {GONE}
    assert ignored(log, group.ignored.until).kinds == {}


@pytest.mark.parametrize(
    "words",
    [
        ("ignore", "0a1b2c3d4e"),
        ("ignore", "nothing"),
        ("unignore", "nothing"),
        ("ignore", GONE, "--until", "yesterday"),
        ("ignore", GONE, "--until", "2020-01-01"),
    ],
)
def test_what_cannot_be_is_refused_with_a_sentence_and_nothing_done(
    broken: Queuectl, queue: Queue, words: tuple[str, ...]
) -> None:
    size = queue.log_size()

    ran = broken.here("dlq", *words)

    assert ran.code in (1, 2)
    assert is_one_sentence(ran)
    assert queue.log_size() == size


def test_as_json_it_tells_how_the_kind_stands(broken: Queuectl) -> None:
    told = broken.ok("dlq", "ignore", GONE, "--until", "1h", "--json").json

    assert [*told] == ["fingerprint", "ignored", "changed"]
    assert [*told["ignored"]] == ["since", "by", "until", "why"]
    assert broken.ok("dlq", "unignore", GONE, "--json").json == {"fingerprint": GONE, "ignored": None, "changed": True}


def test_all_that_is_ignored_is_listed_also_what_no_job_fails_with_any_more(broken: Queuectl, queue: Queue) -> None:
    assert "No kind of failure is ignored." in broken.ok("dlq", "ignored").err
    queue.ignore_errors(GONE, why="they have left")
    queue.ignore_errors(FULL, until=queue.connection.ground.clock.now() + HOUR)
    queue.cancel("full")

    found = broken.ok("dlq", "ignored", "--json").json
    head, *lines = broken.ok("dlq", "ignored").out.splitlines()

    assert [(one["fingerprint"], one["like"]) for one in found] == [
        (FULL, "exit code 2: no space"),
        (GONE, "exit code 1: user 2 is gone"),
    ]
    assert [*found[0]["ignored"]] == ["since", "by", "until", "why"]
    assert head.split() == ["FINGERPRINT", "AGE", "BY", "UNTIL", "WHY", "ERROR"]
    assert [line.split()[0] for line in lines] == [FULL, GONE]
    assert "1 further kind ignored, with no failure among these" in broken.ok("errors", "--ignored").err
    broken.ok("dlq", "unignore", FULL)
    assert broken.ok("dlq", "ignored", "-o", "ids").out == f"{GONE}\n"


def test_an_event_that_cannot_be_read_changes_nothing_and_is_told_of(broken: Queuectl, queue: Queue) -> None:
    queue.ignore_errors(GONE, why="known")
    put_spoilt(
        queue, f"ignore-{GONE}", Ignored(like="another"), lambda event: bson.encode({**event, "data": {"like": 7}})
    )

    ran = broken.process("errors", "--json")

    assert [one["fingerprint"] for one in ran.json] == [FULL]
    assert f"Errors of kind {GONE} stay ignored" in ran.err
    assert f"ignore-{GONE}" in broken.process("doctor").out
    assert broken.process("dlq", "unignore", GONE).code == 0
    assert kinds(broken) == [GONE, FULL]


def test_a_fingerprint_that_no_job_has_is_refused_by_its_name(queue: Queue) -> None:
    for of in ("", "0a1b2c3d4e", "x" * 10):
        with pytest.raises(InvalidInput, match=r"^fingerprint: "):
            queue.ignore_errors(of)
    with pytest.raises(InvalidInput, match=r"^fingerprint: "):
        queue.unignore_errors("x")


@pytest.mark.parametrize("version", [VERSION_MAX, VERSION_MAX - 1])
def test_what_a_hand_put_where_nothing_can_follow_is_not_ignored_for_ever(
    broken: Queuectl, queue: Queue, version: int
) -> None:
    like = Ignored(like="exit code 1: user 42 is gone")
    (one,) = append("ignore-1111111111", like, head=Head(version - 1, b"h" * 32)).events
    queue.connection.ground.database["events"].insert_one(RawBSONDocument(one.raw))
    queue.ignore_errors(GONE)
    assert kinds(broken) == [FULL]

    broken.ok("dlq", "unignore", GONE)

    assert kinds(broken) == [GONE, FULL]
