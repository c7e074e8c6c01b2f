"""The collection that the log is in: its validator, its options and its indexes are those that the product gave it."""

from collections.abc import Iterator, Mapping
from typing import Any

from pymongo.database import Database

from eventqueue.audit.rules import Finding
from eventqueue.audit.verdict import Account
from eventqueue.errors import AccessDenied, Refused
from eventqueue.mongo.errors import translated
from eventqueue.mongo.ground import Ground
from eventqueue.mongo.layout import INDEXES, LAYOUT, VALIDATOR, VALIDATOR_VERSION, check_arrived
from eventqueue.mongo.outputs import Outputs
from projections.auditing.outputs import retention

EVENTS, LAYOUTS, OUTPUTS = "events", "layout", "outputs"
STRICT = {"validationLevel": "strict", "validationAction": "error"}
FOREIGN = ("capped", "collation", "clusteredIndex", "expireAfterSeconds", "timeseries", "viewOn")
HARMFUL = ("expireAfterSeconds", "unique")  # in an index of the log: it would drop events, or refuse them
PLAIN = {"v", "key", "ns"}


def of_collection(ground: Ground, account: Account) -> None:
    """Hold the log's collection against its layout. Raises Refused where there is no log."""
    layout = _layout(ground.database)
    if layout is None and not _has_events(ground.database):
        raise Refused(f"Database {ground.database.name!r} holds no log: is it the right one?")
    check_arrived(ground.database.name, layout or {})
    account.find(_of_layout(layout))
    try:
        account.find(_of_options(ground.database))
        account.find(_of_indexes(ground.database))
        account.find(_of_retention(ground))
    except AccessDenied:
        account.pass_over("The options and indexes of the log's collection: this user may not list them.")


def _layout(database: Database[Any]) -> Mapping[str, Any] | None:
    with translated():
        found: Mapping[str, Any] | None = database[LAYOUTS].find_one({"_id": "layout"})
        return found


def _has_events(database: Database[Any]) -> bool:
    with translated():
        return database[EVENTS].find_one({}, {"_id": 1}) is not None


def _of_layout(layout: Mapping[str, Any] | None) -> Iterator[Finding]:
    if layout is None:
        yield Finding(LAYOUTS, 0, "the log has no layout document, which holds its id: somebody has deleted it")
        return
    if not isinstance(layout.get("log"), str):
        yield Finding(LAYOUTS, 0, "the layout document names no log", "the log's id", str(layout.get("log")))
    for field, known in (("version", LAYOUT), ("validator", VALIDATOR_VERSION)):
        if (found := layout.get(field)) != known:
            problem = f"the layout document says {field} {found}, this eventqueue knows {known}: one of them is older"
            yield Finding(LAYOUTS, 0, problem, str(known), str(found))


def _of_options(database: Database[Any]) -> Iterator[Finding]:
    with translated():
        found = next(iter(database.list_collections(filter={"name": EVENTS})), None)
    if found is None:
        yield Finding(EVENTS, 0, "the collection of the log is missing", is_lost=True)
        return
    options: Mapping[str, Any] = found.get("options", {})
    if found.get("type") != "collection":
        kind = str(found.get("type"))
        yield Finding(EVENTS, 0, f"the log is no collection but a {kind}", "collection", kind)
    if options.get("validator") != VALIDATOR:
        problem = "its validator is not that of the log: events of another form could be put into it"
        yield Finding(EVENTS, 0, problem, f"the validator of version {VALIDATOR_VERSION}", _validator(options))
    for option, known in STRICT.items():
        if (value := options.get(option, known)) != known:
            yield Finding(EVENTS, 0, f"its {option} is {value!r}, not {known!r}", known, str(value))
    for option in FOREIGN:
        if options.get(option):
            yield Finding(EVENTS, 0, f"it was created with the option {option}, which a log has not", None, option)


def _validator(options: Mapping[str, Any]) -> str:
    return "another validator" if options.get("validator") else "no validator"


def _of_indexes(database: Database[Any]) -> Iterator[Finding]:
    with translated():
        there = database[EVENTS].index_information()
    for index in INDEXES:
        name = index.document["name"]
        found = there.pop(name, None)
        if found is None or list(found["key"]) != list(index.document["key"].items()) or found.keys() - PLAIN:
            what = "is missing" if found is None else "is not the one that it should be"
            yield Finding(
                EVENTS, 0, f"its index `{name}` {what}", str(dict(index.document["key"])), found and str(found)
            )
    for name, held in there.items():
        for option in HARMFUL:
            if option in held:
                problem = f"its index `{name}` has {option}: with that the server drops or refuses events"
                yield Finding(EVENTS, 0, problem, "no such index", option)


def _of_retention(ground: Ground) -> Iterator[Finding]:
    asked, held = retention(ground), Outputs(ground.database).kept_for()
    # More than is asked for may be kept for a while, and where a user may not change the index; never less.
    if held and (not asked or held < asked):
        problem = f"the server drops outputs after {held:g} s, the setting is {asked:g} s (0: never)"
        yield Finding(OUTPUTS, 0, problem, f"{asked:g}", f"{held:g}")
