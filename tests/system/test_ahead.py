"""What is read ahead comes in its order, with what stopped it, and no thread stays behind."""

import threading
from collections.abc import Iterator
from contextlib import closing

import pytest

from eventqueue.system.ahead import ahead
from tests.patience import PATIENCE_S


def threads() -> list[str]:
    return [one.name for one in threading.enumerate() if one.name == "ahead"]


def test_everything_comes_in_its_order() -> None:
    assert list(ahead(iter(range(100)), most=3)) == list(range(100))
    assert threads() == []


def test_it_is_read_before_it_is_asked_for_and_no_further_than_allowed() -> None:
    taken: list[int] = []
    reached = threading.Event()

    def source() -> Iterator[int]:
        for number in range(100):
            taken.append(number)
            if number == 4:
                reached.set()
            yield number

    with closing(ahead(source(), most=3)) as found:
        assert next(found) == 0
        assert reached.wait(PATIENCE_S)  # 0 was asked for, 1 to 3 lie there, and 4 is in the source's hand
        assert taken == [0, 1, 2, 3, 4]
    assert threads() == []


def test_what_the_source_raises_is_raised_where_it_was_to_come() -> None:
    def source() -> Iterator[int]:
        yield 1
        raise OSError("the disk is gone")

    found = ahead(source())

    assert next(found) == 1
    with pytest.raises(OSError, match="the disk is gone"):
        next(found)
    assert threads() == []
