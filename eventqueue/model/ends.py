"""Ids where a person reads them: of those that we make the end, which is random; all others as they are. Pure.

Ids that are ordered by time have their beginning in common, often for a whole list.
"""

import re
from collections.abc import Callable, Iterable

LEAST = 8  # characters: of a million jobs two have the same end once in some thousand lists
_OURS = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def is_end(text: str) -> bool:
    """Whether a text may be the end of an id that we make."""
    return len(text) >= LEAST and re.fullmatch(r"[0-9a-f-]+", text) is not None


def no_end(text: str, looked_at: int) -> str:
    """Return why a text that may be thought to be the end of an id is none of the newest `looked_at`, or nothing."""
    if is_end(text):
        return f", and none of the newest {looked_at:,} has an id that ends so"
    if re.fullmatch(r"[0-9a-f-]+", text) is not None:
        return f", and the end of an id counts from {LEAST} characters on"
    return ""


def is_ours(job_id: str) -> bool:
    """Whether an id is of the form of those that we make, which are shown by their ends."""
    return _OURS.fullmatch(job_id) is not None


class Ends:
    """The ids of a list that comes in parts: each by so much of its end that it is no other's there."""

    def __init__(self) -> None:
        self._seen: set[str] = set()
        self._ends: set[str] = set()  # of these
        self._length = LEAST

    def learn(self, ids: Iterable[str]) -> None:
        """Have these told apart from all that came before, which are not gone through again unless an end is longer."""
        new = {one for one in ids if is_ours(one)} - self._seen
        self._seen |= new
        self._ends |= self._cut(new)
        while len(self._ends) < len(self._seen):
            self._length += 1
            self._ends = self._cut(self._seen)

    def _cut(self, ids: Iterable[str]) -> set[str]:
        return {one[-self._length :] for one in ids}

    def shown(self, job_id: str) -> str:
        """Return an id as it is shown."""
        return job_id[-self._length :] if is_ours(job_id) else job_id


def shown_among(ids: Iterable[str]) -> Callable[[str], str]:
    """Return what shows each of these ids."""
    ends = Ends()
    ends.learn(ids)
    return ends.shown
