"""A long list, shown slice after slice: what a page shows is bounded, and says of how many."""

from collections.abc import Sequence
from contextlib import suppress
from typing import Generic, TypeVar

import msgspec

from eventqueue.web.asked import Asked

SIZE = 100

T = TypeVar("T")


class Slice(msgspec.Struct, Generic[T], frozen=True, kw_only=True):
    """A part of a list; `before`, `after`: addresses of the parts beside it, None where there is none."""

    rows: Sequence[T]
    first: int  # from 1
    total: int
    before: str | None
    after: str | None

    @property
    def last(self) -> int:
        """The place of the last one, from 1."""
        return self.first + len(self.rows) - 1


def slice_of(asked: Asked, rows: Sequence[T], size: int = SIZE) -> Slice[T]:
    """Return the part of a list that is asked for by `from`."""
    start = 0
    with suppress(ValueError):
        start = max(0, int(asked.query.get("from", "1")) - 1)
    start = 0 if start >= len(rows) else start
    return Slice(
        rows=rows[start : start + size],
        first=start + 1,
        total=len(rows),
        before=_link(asked, max(0, start - size)) if start else None,
        after=_link(asked, start + size) if start + size < len(rows) else None,
    )


def _link(asked: Asked, start: int) -> str:
    path, _, _ = asked.url.partition("?")
    others = {name: value for name, value in asked.query.items() if name not in ("from", "at", "said")}
    return asked.link(path, **others, **({"from": start + 1} if start else {}))
