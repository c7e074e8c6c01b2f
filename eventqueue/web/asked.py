"""What a request asks: by whom, of which moment, and of whose queue."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, TypeVar
from urllib.parse import urlencode

from eventqueue.api.queue import Queue
from eventqueue.api.then import Then
from eventqueue.model.figures import instant
from eventqueue.web.acting.labour import Labours
from eventqueue.web.entry.roles import Visitor
from eventqueue.web.kept import SHARE, Kept

T = TypeVar("T")

AT = "at"  # the parameter of every page that names a moment


@dataclass(frozen=True)
class Asked:
    """One request, understood. `query` and `form` have the last value of each name; `path` those of the route."""

    queue: Queue
    visitor: Visitor
    now: datetime  # by the database's clock
    url: str  # path and query
    labours: Labours
    kept: Kept
    path: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    form: Mapping[str, str] = field(default_factory=dict)
    then: Then | None = None  # the moment that is looked at; None: now
    begin: datetime | None = None  # of the log, before which there is nothing to be seen
    shown: str = ""  # what of this page is shown already, in its own words
    old: list[object] = field(default_factory=list)  # what is shown as it was a little while ago: it is asked for again

    @property
    def seen(self) -> Queue | Then:
        """What is looked at: the queue as it is, or as it was."""
        return self.then or self.queue

    def once(self, key: object, find: Callable[[], T], share: int = SHARE) -> T:
        """Return what `find` finds, or has found for another tab a little while ago; see Kept."""
        seen = self.kept.get(key, find, share)
        if seen.is_old:
            self.old.append(key)
        return seen.found

    @property
    def time(self) -> datetime:
        """The time that it is where one looks: now, or the moment that is past."""
        return self.then.moment if self.then else self.now

    @property
    def may_act(self) -> bool:
        """Whether acts are to be offered: they are an operator's, and of the present."""
        return self.visitor.may_act and self.then is None

    @property
    def why(self) -> str | None:
        """The reason that was given with an act, None where there is none."""
        return self.form.get("why", "").strip() or None

    def link(self, path: str, **query: Any) -> str:
        """Return the address of a page at the moment that is looked at; a parameter that is None is left out."""
        given = {name: value for name, value in query.items() if value is not None}
        if self.then is not None and AT not in query:
            given[AT] = self.query[AT]
        return f"{path}?{urlencode(given)}" if given else path

    def live_link(self) -> str:
        """Return the address of this page as it is now."""
        return self._at(None)

    def steps(self) -> Sequence[tuple[str, str]]:
        """Return what this page is called so long before and after, and its address then; now is the last there is."""
        steps = {"−1 h": -60, "−1 min": -1, "+1 min": 1, "+1 h": 60}
        found = {name: self.time + timedelta(minutes=minutes) for name, minutes in steps.items()}
        begin = self.begin or self.now
        return [(name, self._at(max(begin, at) if at < self.now else None)) for name, at in found.items()]

    def _at(self, moment: datetime | None) -> str:
        path, _, _ = self.url.partition("?")
        given = {name: value for name, value in self.query.items() if name != AT}
        if moment is not None:
            given[AT] = instant(moment)
        return f"{path}?{urlencode(given)}" if given else path
