"""`worker start --show-output`: what jobs write, line by line, where their worker tells what it does."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventqueue.worker.narrator import Narrator
from eventqueue.worker.running.reports import Ended, Started, Written
from eventqueue.worker.shell.output import Bounded
from eventqueue.worker.showing import Showing
from tests.worker.crew import Start
from tests.worker.stage import Stage

NONE = Written(b"", 0)


class Noting(Narrator):
    """A narrator that notes the lines of jobs."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, str, bytes]] = []

    def wrote(self, job_id: str, stream: str, line: bytes) -> None:
        self.lines.append((job_id, stream, line))


@pytest.fixture
def narrator() -> Noting:
    return Noting()


@given(st.lists(st.tuples(st.binary(max_size=5) | st.just(b"\n"), st.booleans())))
def test_every_line_is_shown_once_however_often_one_looks(pieces: list[tuple[bytes, bool]]) -> None:
    narrator = Noting()
    showing, bounded = Showing(narrator), Bounded()
    showing.told(Started("a/b/2", 1))
    for piece, is_looked_at in pieces:
        bounded.feed(piece)
        if is_looked_at:
            showing.step(lambda _: (Written(bounded.kept(), bounded.total), NONE))
    showing.told(Ended(key="a/b/2", exit_code=0, stdout=Written(bounded.kept(), bounded.total)))
    showing.step(lambda _: (Written(b"later\n", 10**6), NONE))

    whole = b"".join(piece for piece, _ in pieces)
    lines = whole.removesuffix(b"\n").split(b"\n") if whole else []
    assert narrator.lines == [("a/b", "stdout", line) for line in lines]


def test_what_was_written_too_fast_is_told_as_missing(narrator: Noting) -> None:
    showing = Showing(narrator)
    showing.told(Started("a/2", 1))

    showing.step(lambda _: (Written(b"begun", 5), NONE))
    showing.step(lambda _: (Written(b"end\n", 1009), NONE))

    assert [line for _, _, line in narrator.lines] == [b"begun", b"(1,000 bytes are not shown)", b"end"]


def test_a_line_that_does_not_end_is_shown_in_parts(narrator: Noting) -> None:
    showing = Showing(narrator)
    showing.told(Started("a/2", 1))

    showing.step(lambda _: (NONE, Written(b"x" * 20_000, 20_000)))

    assert narrator.lines == [("a", "stderr", b"x" * 20_000)]


def test_a_worker_shows_what_its_jobs_write_and_then_what_became_of_them(stage: Stage, start: Start) -> None:
    job = stage.queue.enqueue(command="echo out; echo err >&2").id
    crew = start(until_empty=True, show_output=True)

    assert crew.ends() == 0
    told = [(one["event"], one.get("stream"), one.get("line")) for one in crew.said() if one.get("job") == job]
    assert told[0] == ("executing", None, None)
    assert sorted(told[1:3]) == [("wrote", "stderr", "err"), ("wrote", "stdout", "out")]
    assert told[3] == ("completed", None, None)


def test_a_worker_that_is_not_asked_to_shows_none_of_it(stage: Stage, start: Start) -> None:
    stage.queue.enqueue(command="echo out")
    crew = start(until_empty=True)

    assert crew.ends() == 0
    assert crew.said("wrote") == []
