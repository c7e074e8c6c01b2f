"""Where the live views stand: their alias and their checkpoint, held against the log."""

import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any

import msgspec
from bson.timestamp import Timestamp
from pymongo.database import Database

from eventqueue.audit.rules import Finding
from eventqueue.audit.verdict import Account
from eventqueue.errors import AccessDenied, DatabaseFailed, Fenced, HistoryLost, ViewsDamaged
from eventqueue.mongo.clock import majority_time
from eventqueue.mongo.errors import translated
from eventqueue.mongo.ground import Ground
from eventqueue.mongo.leases import BUILDING, PROJECTING, Lease
from eventqueue.mongo.slices import outlasting
from projections.folds.projection import Projection, unlike, versions
from projections.keeping import checkpoint
from projections.keeping.checkpoint import Checkpoint, token_time
from projections.keeping.generation import Generation, views
from projections.keeping.integrity import AHEAD_S, damage
from projections.keeping.provenance import is_in_log
from projections.reading.freshness import measure

CHECKPOINTS, VIEWS = "checkpoints", "views"
WAIT_S = 5.0  # for a projector that is on its way to the end of the log
LOOK_S = 0.1
NOT_HELD = "nothing of the views was held against the log"


def of_views(ground: Ground, projections: Sequence[Projection], account: Account) -> bool:
    """Hold where the live views stand against the log; whether the views themselves can be held against it.

    Raises Fenced where they are switched meanwhile: begin again.
    """
    alias = _alias(ground.database)
    if alias is None:
        return _without_alias(ground, account)
    document = _checkpoint(ground.database, alias)
    if _alias(ground.database) != alias:
        raise Fenced("The views were switched meanwhile.")
    held = _parsed(alias, document, account)
    if held is None:
        return False
    findings = list(_of_checkpoint(ground, held))
    account.find(findings)
    usable = list(_unusable(ground, projections, held))
    account.find(usable)
    _indexes(ground, held, account)
    return not usable


def _alias(database: Database[Any]) -> Any:
    def read() -> Any:
        found = views(database).find_one({"_id": "alias"})
        return None if found is None else found.get("generation")

    return outlasting(read)


def _checkpoint(database: Database[Any], alias: Any) -> Mapping[str, Any] | None:
    return outlasting(lambda: checkpoint.checkpoints(database).find_one({"_id": alias}))


def _parsed(alias: Any, document: Mapping[str, Any] | None, account: Account) -> Checkpoint | None:
    problem = None
    if type(alias) is not int:
        account.find([Finding(VIEWS, 0, f"no generation of views is called {alias!r}", "a number", repr(alias))])
    elif document is None:
        problem = f"generation {alias} of the views is the live one, and has no checkpoint: {NOT_HELD}"
    elif document.get("is_retired") is not None:
        problem = (
            f"generation {alias} of the views is the live one, and its checkpoint is marked as retired: {NOT_HELD}"
        )
    else:
        try:
            held = checkpoint.parsed(document)
            token_time(held.token)
            return held
        except ViewsDamaged:
            problem = f"the checkpoint of the live views cannot be read (its place in the log is none): {NOT_HELD}"
        except msgspec.ValidationError as error:
            problem = f"the checkpoint of the live views cannot be read ({error}): {NOT_HELD}"
    if problem is not None:
        account.find([Finding(CHECKPOINTS, 0, problem)])
    return None


def _without_alias(ground: Ground, account: Account) -> bool:
    with translated():
        left = checkpoint.checkpoints(ground.database).find_one({"moved_at": {"$ne": None}, "is_retired": None})
    builder = Lease(ground.database, BUILDING, "nobody").holder()
    if left is not None and (builder is None or not builder.is_live):
        problem = f"no views are the live ones, though those of generation {left['_id']} have a checkpoint: {NOT_HELD}"
        account.find([Finding(VIEWS, 0, problem, f"generation {left['_id']}", "none", is_lost=True)])
    else:
        account.pass_over("There are no views yet, so none were held against the log.")
    return False


def _of_checkpoint(ground: Ground, held: Checkpoint) -> Iterator[Finding]:
    if held.log != ground.log_id:
        problem = f"the views are said to be of log {held.log}, this is {ground.log_id or 'one without an id'}"
        yield Finding(CHECKPOINTS, 0, problem, ground.log_id, held.log)
    if held.last is None and held.applied:
        yield Finding(CHECKPOINTS, 0, f"it names no last event, though {held.applied:,} are said to be in the views")
    if not outlasting(lambda: is_in_log(held, ground.log)):
        assert held.last is not None
        problem = (
            f"the last event in the views, {held.last.stream} version {held.last.version}, is not in the log as it was "
            "applied: events are missing from the log, or were altered, or a backup was restored"
        )
        yield Finding(held.last.stream, held.last.version, problem, held.last.hash.hex(), is_lost=True)
    if held.moved_at is not None and held.moved_at > ground.clock.now() + timedelta(seconds=AHEAD_S):
        yield Finding(CHECKPOINTS, 0, "it was moved at a time that is yet to come", None, held.moved_at.isoformat())


def _unusable(ground: Ground, projections: Sequence[Projection], held: Checkpoint) -> Iterator[Finding]:
    mine = versions(projections)
    if held.projections != mine:
        problem, _ = unlike(held.projections, mine)
        yield Finding(CHECKPOINTS, 0, f"{problem}: {NOT_HELD}", str(mine), str(held.projections))
    if (problem_ := outlasting(lambda: damage(ground.database, held))) is not None:
        yield Finding(VIEWS, 0, f"the views are damaged ({problem_}): {NOT_HELD}")


def _indexes(ground: Ground, held: Checkpoint, account: Account) -> None:
    try:
        missing = Generation(ground.database, held.generation).indexes_missing()
    except AccessDenied:
        account.pass_over("The indexes of the views: this user may not list them.")
        return
    account.find(Finding(VIEWS, 0, f"index {one} is missing, or is another one", one, None) for one in missing)


def await_projector(ground: Ground) -> bool:
    """Wait some seconds for who projects, as nobody but him brings the views to the end; whether they are there."""
    # Once: under a steady stream there is always more.
    asked, give_up = outlasting(lambda: majority_time(ground.database)), time.monotonic() + WAIT_S
    while not (is_fresh := outlasting(lambda: _is_fresh(ground, asked))):
        if not outlasting(lambda: _is_projected(ground)) or time.monotonic() > give_up:
            break
        time.sleep(LOOK_S)
    return is_fresh


def _is_fresh(ground: Ground, asked: Timestamp) -> bool:
    if (held := _held(ground)) is None:
        return False
    try:
        return measure(ground.database, held, ground.clock.now(), asked).is_fresh
    except (HistoryLost, DatabaseFailed):  # of its place in the log nothing can be made, which is found later
        return False


def _held(ground: Ground) -> Checkpoint | None:
    alias = _alias(ground.database)
    document = _checkpoint(ground.database, alias) if alias is not None else None
    try:
        held = None if document is None else checkpoint.parsed(document)
        return held if held is None or token_time(held.token) else None
    except (msgspec.ValidationError, ViewsDamaged):  # which is found later
        return None


def _is_projected(ground: Ground) -> bool:
    holder = Lease(ground.database, PROJECTING, "nobody").holder()
    return holder is not None and holder.is_live
