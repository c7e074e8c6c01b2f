"""Ids by their ends: as long as it takes that each is no other's in a list, and no longer."""

from eventqueue.model.ends import LEAST, Ends, is_end, shown_among

FIRST = "01a2259b-79af-72a2-8e40-772b71ffb7cc"
OTHER = "01a2259b-79af-72a2-8e40-772c00000001"
ALIKE = "01a2259b-79af-72a2-8e41-a72b71ffb7cc"  # its last eleven are those of the first


def test_an_id_of_ours_is_shown_by_its_end_and_any_other_whole() -> None:
    shown = shown_among([FIRST, OTHER, "nightly-report"])

    assert [shown(one) for one in (FIRST, OTHER)] == [FIRST[-LEAST:], OTHER[-LEAST:]]
    assert shown("nightly-report") == "nightly-report"


def test_ends_are_as_long_as_it_takes_to_tell_all_of_them_apart() -> None:
    shown = shown_among([FIRST, OTHER, ALIKE])

    assert [shown(one) for one in (FIRST, OTHER, ALIKE)] == [FIRST[-12:], OTHER[-12:], ALIKE[-12:]]
    assert len({shown(FIRST), shown(ALIKE)}) == 2


def test_what_comes_later_is_told_from_what_came_before() -> None:
    ends = Ends()
    ends.learn([FIRST])
    ends.learn([OTHER, FIRST])
    assert ends.shown(FIRST) == FIRST[-LEAST:]

    ends.learn([ALIKE])

    assert ends.shown(ALIKE) != ends.shown(FIRST)
    assert is_end(ends.shown(ALIKE))
