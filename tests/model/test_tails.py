"""What is new to who follows a stream by ends of it: all of it, once and in order, or that so much was lost."""

from hypothesis import given
from hypothesis import strategies as st

from eventqueue.model.tails import News, Tail, news
from eventqueue.worker.shell.output import Bounded

KEPT = 8


@given(st.lists(st.tuples(st.binary(max_size=3 * KEPT), st.booleans())))
def test_who_sees_some_of_the_ends_of_a_stream_has_it_all_but_for_what_was_lost(
    pieces: list[tuple[bytes, bool]],
) -> None:
    written, followed, seen, bounded = b"", bytearray(), 0, Bounded(KEPT)
    for piece, is_looked_at in pieces:
        bounded.feed(piece)
        written += piece
        if is_looked_at:
            tail = Tail(bounded.kept(), bounded.total)
            found = news(seen, tail)
            followed += b"?" * found.lost + found.text
            seen = tail.total
            assert len(followed) == len(written)
            assert written.endswith(found.text)
            assert found.lost == 0 or len(found.text) == KEPT  # no more is lost than has to be
    assert all(shown in (there, ord("?")) for shown, there in zip(followed, written, strict=False))


@given(st.binary(max_size=KEPT), st.integers(0, 20))
def test_an_end_that_is_older_than_what_was_seen_has_nothing_new(kept: bytes, ahead: int) -> None:
    assert news(len(kept) + ahead, Tail(kept, len(kept))) == News(b"")
