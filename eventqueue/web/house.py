"""What all requests share: the queue, the templates, and the thread that follows the views."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from threading import BoundedSemaphore, Lock
from urllib.parse import parse_qsl, quote

from jinja2 import Environment
from starlette.requests import Request

from eventqueue.api.acting import ActingQueue
from eventqueue.api.queue import Queue
from eventqueue.web.acting.labour import Labours
from eventqueue.web.acting.notices import Notices
from eventqueue.web.asked import AT, Asked
from eventqueue.web.entry.roles import Visitor, actor_of
from eventqueue.web.kept import Kept
from eventqueue.web.live import Live
from eventqueue.web.typed import passed

SHOWN = "x-seen"  # the header in which a page that is open says what it shows
GUESTS_MAX = 20  # pages that are made at a time for who looks only, of 40 threads: however long it takes, others act
USERS_MAX = 100  # of whom a queue is kept; the next one has it made anew


@dataclass(frozen=True)
class House:
    """One process's web page over one database."""

    queue: Queue
    live: Live
    templates: Environment
    labours: Labours
    kept: Kept
    notices: Notices = field(default_factory=Notices)
    guests: BoundedSemaphore = field(default_factory=lambda: BoundedSemaphore(GUESTS_MAX))
    _acting: dict[str, Queue] = field(default_factory=dict)
    _begin: list[datetime] = field(default_factory=list)  # when the log did, once that is known: it stays so
    _lock: Lock = field(default_factory=Lock)

    def understand(self, request: Request) -> Asked:
        """Return what is asked. Raises InvalidInput for a moment that is none, or that cannot be seen."""
        asked = self.now(request)
        if not (text := asked.query.get(AT)):
            return asked
        return replace(asked, then=self.queue.at(passed(AT, text, asked.now)))

    def now(self, request: Request) -> Asked:
        """As `understand`, of the present, whatever moment is named."""
        visitor: Visitor = request.scope["visitor"]
        return Asked(
            queue=self._of(visitor),
            visitor=visitor,
            now=self.queue.connection.ground.clock.now(),
            url=_address(request),
            labours=self.labours,
            kept=self.kept,
            path={name: str(value) for name, value in request.path_params.items()},
            query=dict(request.query_params),
            form=form_of(request),
            begin=self._begun(),
            shown=request.headers.get(SHOWN, ""),
        )

    def _begun(self) -> datetime | None:
        # Where the database is away it would be waited for.
        if not self._begin and not self.live.pulse.is_away and (found := self.queue.log_begin()) is not None:
            self._begin.append(found)
        return self._begin[0] if self._begin else None

    def _of(self, visitor: Visitor) -> Queue:
        with self._lock:
            if visitor.user not in self._acting:
                if len(self._acting) >= USERS_MAX:
                    self._acting.clear()
                self._acting[visitor.user] = ActingQueue(self.queue, actor_of(visitor.user))
            return self._acting[visitor.user]


def form_of(request: Request) -> Mapping[str, str]:
    """Return the fields of a form that was sent, as the guard has read them."""
    body: bytes = request.scope.get("body", b"")
    return dict(parse_qsl(body.decode(errors="replace"), keep_blank_values=True))


def house_of(request: Request) -> House:
    """Return the house that a request came to."""
    house: House = request.app.state.house
    return house


def _address(request: Request) -> str:
    """Return the path and the query of a request: in a name of the path there may be a `?`, a `#` or a `%`."""
    path, query = quote(request.scope["path"]), request.scope["query_string"].decode("latin-1")
    return f"{path}?{query}" if query else path
