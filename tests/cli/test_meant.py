"""A name that is none's: whoever typed it is told which one may be meant, wherever one is typed."""

import pytest

from eventqueue.api.queue import Queue
from eventqueue.worker.life.place import incarnation_here
from tests.cli.commands import Queuectl, is_one_sentence


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        ("list --state ded", "dead"),
        ("list --sort prioity", "priority"),
        ("list -o jsn", "json"),
        ("count --by quue", "queue"),
        ("completion bsh", "bash"),
        ("audit export --format jsonn", "jsonl"),
        ("worker start --log-format jsn", "json"),
        ("schedule add a --every 1h --missed al -- true", "all"),
        ("lst", "list"),
        ("list --stat dead", "--state"),
        ("config get lese", "lease"),
        ("list quue:mail", "queue"),
    ],
)
def test_a_word_of_our_own(shared: Queuectl, words: str, meant: str) -> None:
    ran = shared.here(*words.split())

    assert ran.code != 0
    assert f"(is {meant} meant?)" in ran.err
    assert is_one_sentence(ran)


@pytest.mark.parametrize("words", ["show", "pause", "resume", "remove", "trigger"])
def test_a_schedule(queuectl: Queuectl, words: str) -> None:
    queuectl.ok("schedule", "add", "nightly", "--every", "1d", "--", "true")

    ran = queuectl.here("schedule", words, "nigthly")

    assert (ran.code, ran.err) == (
        1,
        "✘ No schedule 'nigthly' (is nightly meant?): `queuectl schedule list` shows them.\n",
    )


def test_a_worker(queuectl: Queuectl, queue: Queue) -> None:
    queue.connection.incarnations.register(incarnation_here("crawler:1", "crawler", (), 1, 1.0))

    ran = queuectl.here("worker", "stop", "crowler")

    assert (ran.code, ran.err) == (
        1,
        "✘ No live worker 'crowler' (is crawler meant?): `queuectl worker list` shows them.\n",
    )
