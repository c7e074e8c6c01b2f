"""The doctor's checks, each a short look at one thing that has to be so.

They look at the database itself, not through the views' or the log's own eyes; nothing is written.
"""

from collections.abc import Callable, Mapping
from datetime import timedelta
from math import ceil
from time import monotonic
from typing import TYPE_CHECKING

from eventqueue.cli import evidence, overdue, untaken
from eventqueue.cli.limits import Limits
from eventqueue.cli.render.checks import Check
from eventqueue.cli.session import Session
from eventqueue.errors import QueueError, redact
from eventqueue.model.events import Call
from eventqueue.model.job import State
from eventqueue.model.settings import RETENTION
from eventqueue.mongo.errors import translated
from eventqueue.mongo.joining import LIFETIME, lifetime_s
from eventqueue.mongo.layout import INDEXES, LAYOUT, VALIDATOR
from eventqueue.mongo.log import DURABLE, LIFETIME_MAX_S, VISIBLE_S
from eventqueue.mongo.rights import rights_on_log
from eventqueue.mongo.sizes import sizes
from eventqueue.ports.views import TOLD_MAX, Standing
from eventqueue.system.printable import clean
from eventqueue.telling import words
from eventqueue.telling.words import at_least, count, shortened, span

if TYPE_CHECKING:
    from eventqueue.api.queue import Queue

COLLECTIONS = ("events", "signals", "outputs", "workers", "views", "checkpoints", "leases")
PARKED_MAX = 120  # characters
CLOCK_OFF = timedelta(minutes=1)
LAG_LONG_S = 10.0
DUE_MAX = 10_000  # jobs that are counted
STILL_MAX = 3  # queues that are named

Look = Callable[["Queue"], tuple[str, str | None]]
"""Returns what was found, and the remedy, if there is anything to do."""


def examine(session: Session, limits: Limits) -> list[Check]:
    """Return every check's finding, and those against limits; the first alone, if there is no connection."""
    try:
        with session.queue() as queue:
            looks = {**LOOKS, **limits.looks()}
            return [_guarded(name, look, queue) for name, look in looks.items()]
    except QueueError as error:
        return [Check("connection", "failed", redact(str(error)))]


def _guarded(name: str, look: Look, queue: "Queue") -> Check:
    try:
        with translated():
            return Check(name, *look(queue))
    except QueueError as error:
        return Check(name, "failed", redact(str(error)))
    except Exception as error:  # what it looked at was altered, perhaps: the others are looked at all the same
        return Check(name, "failed", redact(f"{type(error).__name__}: {error}"))


def _connection(queue: "Queue") -> tuple[str, str | None]:
    client = queue.connection.client
    started = monotonic()
    client.admin.command("ping")
    took = span(monotonic() - started)
    nodes = ", ".join(sorted(str(host) if host.startswith("/") else f"{host}:{port}" for host, port in client.nodes))
    return f"MongoDB {client.server_info()['version']} at {nodes} answers in {took}", None


def _replica_set(queue: "Queue") -> tuple[str, str | None]:
    client = queue.connection.client
    hello = client.admin.command("hello")
    if hello.get("msg") == "isdbgrid":
        return "a sharded cluster", None
    members = len(hello["hosts"])
    if members == 1:
        return f"{hello['setName']}, 1 member: what is acknowledged survives a crash, not the loss of the machine", None
    return f"{hello['setName']}, {members} members, primary {hello.get('primary')}", None


def _durability(queue: "Queue") -> tuple[str, str | None]:
    # A write that changes nothing waits for the majority all the same.
    leases = queue.connection.ground.database.get_collection("leases", write_concern=DURABLE)
    started = monotonic()
    leases.update_one({"_id": "nobody"}, {"$set": {"until": None}})
    return f"a majority acknowledged a write, journaled, in {span(monotonic() - started)}", None


def _transactions(queue: "Queue") -> tuple[str, str | None]:
    limit = lifetime_s(queue.connection.client)
    if limit is None:
        return "how long one may last is not told to this user; with jobs in it, that must be a minute at most", None
    if limit <= LIFETIME_MAX_S:
        return f"one lasts {span(limit)} at most, so a job in it is there within {span(VISIBLE_S)}, or never", None
    return f"one may last {span(limit)} ({LIFETIME}): a job in it may come behind what seals and counts it", (
        f"on each member `db.adminCommand({{setParameter: 1, {LIFETIME}: {LIFETIME_MAX_S}}})`, "
        "or enqueue in no transaction"
    )


def _layout(queue: "Queue") -> tuple[str, str | None]:
    database = queue.connection.ground.database
    found = {one["name"]: one.get("options", {}) for one in database.list_collections()}
    indexes = set(database["events"].index_information())
    problems = [
        *(f"collection {name} is missing" for name in COLLECTIONS if name not in found),
        *(
            f"index {one.document['name']} of events is missing"
            for one in INDEXES
            if one.document["name"] not in indexes
        ),
        *(f"index {name} is missing" for name in queue.connection.views.snapshot()["indexes_missing"]),
    ]
    if (validator := found.get("events", {}).get("validator")) != VALIDATOR:
        problems.append("events has an old validator" if validator else "events has no validator")
    if not found.get("signals", {}).get("capped"):
        problems.append("signals is no capped collection")
    if not problems:
        return f"version {LAYOUT}, all collections and indexes are there", None
    return "; ".join(problems), (
        "what belongs to a view comes back with the view: drop the collections `views` and `checkpoints`; of the log, "
        "create the rest as eventqueue/mongo/layout.py has it"
    )


def _retention(queue: "Queue") -> str | None:
    asked, kept_for = queue.configuration()[RETENTION].value, queue.connection.outputs.kept_for()
    assert isinstance(asked, int | float)
    if ceil(asked) == kept_for:
        return None
    held = f"for {span(kept_for)}" if kept_for else "for ever"
    return f"what jobs wrote is kept {held}, and `{RETENTION}` is {asked:.12g}"


def _rights(queue: "Queue") -> tuple[str, str | None]:
    rights = rights_on_log(queue.connection.ground.database)
    if rights is None:
        return "access control is off: whoever can connect may change anything", None
    if missing := rights.missing:
        return (
            f"{rights.user} may not {' and '.join(sorted(missing))} on events",
            "grant a role that may find and insert there",
        )
    if excess := rights.excess:
        return f"{rights.user} may {' and '.join(sorted(excess))} on events", (
            "use a role that may only find and insert there: then nobody can change what has happened"
        )
    return f"{rights.user} may find and insert on events, and change nothing there", None


def _clock(queue: "Queue") -> tuple[str, str | None]:
    queue.connection.ground.clock.renew()
    offset = queue.connection.ground.clock.offset
    ahead = "behind" if offset > timedelta(0) else "ahead of"
    found = f"this machine's clock is {span(abs(offset.total_seconds()))} {ahead} the database's"
    if abs(offset) < CLOCK_OFF:
        return found, None
    return found, "set it (timedatectl set-ntp true); jobs are unharmed, since the database's clock alone counts"


def _readable(queue: "Queue") -> tuple[str, str | None]:
    from eventqueue.schedules import schedule
    from eventqueue.steering import ignoring, schedules
    from eventqueue.steering.configuration import look
    from eventqueue.steering.pauses import Pauses
    from eventqueue.steering.unreached import unreached

    ground = queue.connection.ground
    pauses = Pauses(ground.log)
    pauses.all()
    plans = (schedule.problem_of(one) for one in schedules.ever(ground.log, {}))
    told = [*plans, look(ground)[1], *ignoring.problems(ground.log)]
    if problems := [*pauses.problems.values(), *filter(None, told)]:
        by = "`queuectl config`, `queue`, `schedule` and `dlq ignore`"
        return " ".join(problems), f"they stay as they were before: set what is wrong with {by}"
    if (problem := _retention(queue)) is not None:
        return problem, f"`queuectl config set {RETENTION}` mends it, and so does a worker that starts and may do it"
    return "; ".join(["what they are can be read", *unreached(ground.log)]), None


def _projector(queue: "Queue") -> tuple[str, str | None]:
    from eventqueue.cli.render.views import passed_over

    views = queue.connection.views
    about, lag = views.snapshot(), views.lag()
    if about["generation"] is None:
        return "there are no views yet: whoever reads first builds them", None
    holder = about["holder"] or "no projector"
    behind = "how far behind is unknown" if lag.seconds is None else f"{span(lag.seconds)} behind"
    found = f"{holder} at work; {'nothing is waiting' if lag.is_fresh else behind}; {about['applied']:,} events applied"
    if about["damage"] is not None:
        return f"{found}; the views are damaged: {about['damage']}", (
            "a projector builds them anew by itself: `queuectl projector start`, or `queuectl projections rebuild`"
        )
    if about["unlike"] is not None and not about["holder"]:
        problem, remedy = about["unlike"]
        return f"{found}; {problem}", remedy
    number, one = about["skipped"]
    if one is not None:
        found = f"{found}; {passed_over(number, one)}"
    if parked := about["parked"]:
        first = shortened(", ".join(map(clean, parked)), PARKED_MAX)
        return (
            f"{found}; {at_least(len(parked), TOLD_MAX, 'job')} parked ({first})",
            "`queuectl projections list` shows why; mended, `queuectl projections retry` lets them go on",
        )
    if lag.is_fresh or (about["holder"] and lag.seconds is not None and lag.seconds < LAG_LONG_S):
        return found, None
    if about["holder"]:
        return found, "it does not keep up, or stands still: look at its log and its machine"
    return found, "start one with `queuectl worker start` or `queuectl projector start`"


def _workers(queue: "Queue") -> tuple[str, str | None]:
    alive = queue.workers()
    has_views = queue.connection.views.snapshot()["generation"] is not None
    counts = queue.connection.views.counts() if has_views else {}
    running = sum(len(one.running) for one in alive)
    lost = sum(of.get(State.PROCESSING, 0) for of in counts.values()) - running if not alive else 0
    due = queue.connection.views.count_due(DUE_MAX) if has_views else 0
    found = f"{len(alive)} alive, {count(running, 'job')} running, {at_least(due, DUE_MAX, 'job')} due"
    found += f", {count(lost, 'job')} of lost workers" if lost > 0 else ""
    return found, "start some with `queuectl worker start`" if lost > 0 else None


def _queues(queue: "Queue") -> tuple[str, str | None]:
    if queue.connection.views.snapshot()["generation"] is None:
        return "there are no views yet that would show what waits", None
    still = queue.standstills()
    if not still:
        return "each that has jobs that are due moves, or is paused", None
    named = "; ".join(f"{one.queue} does not move: {one.text}" for one in still[:STILL_MAX])
    more = f"; and {count(len(still) - STILL_MAX, 'queue')} more" if len(still) > STILL_MAX else ""
    kinds = {one.kind for one in still[:STILL_MAX]}
    start = " ".join(f"--queue {one.queue}" for one in still[:STILL_MAX])
    if any(_has_tasks(queue, one.queue) for one in still[:STILL_MAX]):
        remedy = f"`queuectl worker start {start} --import MODULE`, with the module that declares the task"
    else:
        remedy = f"`queuectl worker start {start}`"
    if kinds & {Standing.FREE, Standing.BUSY}:
        remedy += ", or see with `queuectl worker list` what keeps those who serve them busy"
    return f"{named}{more}", remedy


def _has_tasks(queue: "Queue", name: str) -> bool:
    """Whether what is first in a queue is for workers alone that import its module, some of it at least."""
    from eventqueue.api.untaken import heads_of

    return any(isinstance(job.run, Call) for job in heads_of(queue.connection, name))


def _sizes(queue: "Queue") -> tuple[str, str | None]:
    return words.sizes(sizes(queue.connection.ground.database)), None


LOOKS: Mapping[str, Look] = {
    "connection": _connection,
    "replica set": _replica_set,
    "durability": _durability,
    "transactions": _transactions,
    "layout": _layout,
    "rights": _rights,
    "clock": _clock,
    "sizes": _sizes,
    "settings": _readable,
    "projector": _projector,
    "workers": _workers,
    "queues": _queues,
    "tasks": untaken.tasks,
    "schedules": overdue.schedules,
    "seals": evidence.seals,
    "lost": evidence.lost,
}
