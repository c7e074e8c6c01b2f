"""What several tabs ask for: found out once, and less often where that takes long."""

import pytest

from eventqueue.web.kept import KEYS_MAX, LONGEST_S, RARE, SHARE, Kept, Seen


def test_what_several_tabs_ask_for_is_found_out_once_for_where_the_views_stand() -> None:
    positions, found = [1], []
    kept = Kept(lambda: positions[-1], lambda: True, lambda: 100.0)  # by a clock of its own: no test takes no time

    def find() -> int:
        found.append(positions[-1])
        return len(found)

    assert [kept.get("glance", find).found for _ in range(3)] == [1, 1, 1]
    positions.append(2)
    assert (kept.get("glance", find), found) == (Seen(2, is_old=False), [1, 2])
    kept.forget()
    assert kept.get("glance", find).found == 3


def test_what_takes_long_is_given_to_tabs_as_it_was_and_said_to_be_old() -> None:
    now, positions = [100.0], [1]
    kept = Kept(lambda: positions[-1], lambda: True, lambda: now[0])

    def find() -> int:
        now[0] += 1.0
        return positions[-1]

    assert kept.get("glance", find) == Seen(1, is_old=False)
    positions.append(2)
    now[0] += SHARE - 1
    assert kept.get("glance", find) == Seen(1, is_old=True)
    now[0] += 1
    assert kept.get("glance", find) == Seen(2, is_old=False)


@pytest.mark.parametrize(("took", "until"), [(0.1, RARE * 0.1), (1000.0, RARE / SHARE * LONGEST_S)])
def test_what_looks_through_the_log_is_found_out_more_seldom_than_all_else_for_what_it_takes(
    took: float, until: float
) -> None:
    now, positions = [100.0], [1]
    kept = Kept(lambda: positions[-1], lambda: True, lambda: now[0])

    def find() -> int:
        now[0] += took
        return positions[-1]

    assert kept.get("ran", find, RARE) == Seen(1, is_old=False)
    positions.append(2)
    now[0] += until - 0.01
    assert kept.get("ran", find, RARE) == Seen(1, is_old=True)
    now[0] += 0.02
    assert kept.get("ran", find, RARE) == Seen(2, is_old=False)


def test_what_took_very_long_once_is_not_kept_for_ever() -> None:
    now, positions = [100.0], [1]
    kept = Kept(lambda: positions[-1], lambda: True, lambda: now[0])

    def find() -> int:
        now[0] += 1000.0
        return positions[-1]

    kept.get("glance", find)
    positions.append(2)
    now[0] += LONGEST_S

    assert kept.get("glance", find) == Seen(2, is_old=False)


def test_where_no_tab_is_open_that_asks_again_all_is_found_out_whenever_it_is_asked_for() -> None:
    is_watched, found = [True], []
    kept = Kept(lambda: 1, lambda: is_watched[0], lambda: 100.0)

    def find() -> int:
        found.append(1)
        return len(found)

    assert [kept.get("glance", find).found for _ in range(2)] == [1, 1]
    is_watched[0] = False
    assert [kept.get("glance", find).found for _ in range(2)] == [2, 3]


def test_of_what_many_ask_for_by_names_of_their_own_no_more_is_kept_than_fits() -> None:
    kept = Kept(lambda: 1)

    for number in range(3 * KEYS_MAX):
        assert kept.get(("trail", number), lambda: number).found == number  # noqa: B023 - it is called at once
        assert len(kept._slots) <= KEYS_MAX
