"""Kinds of errors of which several streams tell: what was said last holds, and all of them are heeded again at once."""

from collections.abc import Sequence
from datetime import timedelta

import pytest

from eventqueue.api.queue import Queue
from eventqueue.model.fingerprint import fingerprint
from eventqueue.model.ignoring import Ignored
from eventqueue.ports.log import Append, Appended
from eventqueue.steering.ignoring import ignored
from tests.builders import NOW, append
from tests.cli.past import died

HOUR = timedelta(hours=1)
LIKE = "exit code 1: user 42 is gone"
OF = fingerprint(LIKE)


@pytest.fixture
def broken(queue: Queue) -> Queue:
    """With a dead job of the kind."""
    queue.enqueue(id="a", command="false")
    died(queue, "a", LIKE)
    return queue


def put(queue: Queue, *appends: Append) -> None:
    assert all(one.is_whole for one in queue.connection.ground.log.append(appends))


def test_a_kind_of_which_very_many_streams_tell_is_heeded_again_in_few_appends(
    broken: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(broken, *(append(f"ignore-{number:010x}", Ignored(like=LIKE)) for number in range(100)))
    sizes: list[int] = []
    log = broken.connection.ground.log
    real = log.append

    def counted(appends: Sequence[Append]) -> Sequence[Appended]:
        sizes.append(len(appends))
        return real(appends)

    monkeypatch.setattr(log, "append", counted)

    assert broken.unignore_errors(OF).is_new

    assert sizes == [100]
    assert broken.errors().groups[0].ignored is None
    assert not broken.unignore_errors(OF).is_new


def test_to_ignore_a_kind_changes_what_was_said_of_it_last(broken: Queue) -> None:
    later = broken.connection.ground.clock.now()
    put(
        broken,
        append("ignore-0000000000", Ignored(like=LIKE), now=NOW),
        append("ignore-1111111111", Ignored(like=LIKE, until=later + HOUR), now=later),
    )

    done = broken.ignore_errors(OF)

    assert (done.is_new, done.ignoring and done.ignoring.until) == (True, None)
    assert ignored(broken.connection.ground.log, later + 2 * HOUR).kinds.keys() == {OF}
