"""A filter as a text, such as `state:dead error~"503" meta.customer=acme ended>-2h`. Pure.

Conditions with blanks between them, each FIELD, how it stands, VALUE; all must hold, but of several states or queues
any. A value with blanks in it stands in quotation marks, in which a backslash stands before one of these or of itself.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple, NoReturn

from msgspec.structs import asdict

from eventqueue.errors import InvalidInput
from eventqueue.model import times
from eventqueue.model.fingerprint import PATTERN
from eventqueue.model.job import State
from eventqueue.model.names import one_of
from eventqueue.ports.views import Filter

SUCH = """such as state:dead, error~"connection refused", meta.customer=acme or created>-2h"""
SUCH_TIMES = 'such as -2h (ago), +10m, 03:12, "yesterday 18:00" or 2026-11-28T03:12 (UTC unless a zone is given)'
CONDITIONS_MAX = 100  # of one text

PENDING_PARTS = ("scheduled", "due")  # which is later, or now

_QUOTED = r'"(?:[^"\\]|\\.)*"'
CONDITION = re.compile(
    rf'(?P<field>[A-Za-z_]+(?:-[A-Za-z]+)*)(?:\.(?P<name>{_QUOTED}|[^\s:=~<>"]+))?(?P<how>>=|<=|[:=~<>])', re.DOTALL
)
_QUOTED_WHOLE = re.compile(_QUOTED, re.DOTALL)
VALUE = re.compile(rf'(?:{_QUOTED}|[^\s"]\S*)(?!\S)', re.DOTALL)
_BLANKS = re.compile(r"\s*")
_BARE = re.compile(r'[^\s"]\S*')
_BARE_NAME = re.compile(r'[^\s:=~<>"]+')
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_WHOLE = re.compile(r"-?[0-9]{1,9}")


class Seen(NamedTuple):
    """From where times are seen: the time that it is, and the zones that there are by their names."""

    now: datetime
    zones: times.Zones


class Condition(NamedTuple):
    """One condition of a text: from where to where it stands there, and what it says; `:` is `=` here."""

    begin: int
    end: int
    field: str
    name: str | None  # in meta
    how: str
    value: str


Read = Callable[[str, str, Seen], Mapping[str, Any]]
"""From how a value stands to its field, the value and from where: fields of a Filter. Raises as `times.typed`."""


def _text(field: str) -> Read:
    return lambda _, value, __: {field: value}


def in_state(value: str, now: datetime) -> Mapping[str, Any]:
    """Return the fields of a Filter for a state, or for what is `scheduled` or `due` of those that are pending.

    Raises ValueError.
    """
    match value:
        case "scheduled":
            return {"state": State.PENDING, "due_after": now}
        case "due":
            return {"state": State.PENDING, "due_before": now}
    try:
        return {"state": State(value)}
    except ValueError:
        known = [*State, *PENDING_PARTS]
        raise ValueError(f"{value!r} is no state{one_of('the states', value, known)}") from None


def _fingerprint(_: str, value: str, __: Seen) -> Mapping[str, Any]:
    if not re.fullmatch(PATTERN, value):
        raise ValueError(f"{value!r} is no fingerprint: `queuectl errors` shows them")
    return {"fingerprint": value}


def _priority(how: str, value: str, _: Seen) -> Mapping[str, Any]:
    if not _WHOLE.fullmatch(value):
        raise ValueError(f"{value!r} is no priority: give a whole number")
    bounds = {"=": (0, 0), ">": (1, None), ">=": (0, None), "<": (None, -1), "<=": (None, 0)}[how]
    found = dict(zip(("priority_min", "priority_max"), bounds, strict=True))
    return {name: int(value) + off for name, off in found.items() if off is not None}


def _time(since: str | None, until: str | None) -> Read:
    def read(how: str, value: str, seen: Seen) -> Mapping[str, Any]:
        field = since if how in ("=", ">") and since is not None else until
        assert field is not None
        # `created>2h` may be thought to be what is older than that: with a sign it is not.
        return {field: _moment(value, seen, ahead=field.startswith("due"), is_signed=how != "=")}

    return read


def _moment(value: str, seen: Seen, *, ahead: bool, is_signed: bool) -> datetime:
    try:
        one = times.typed(value, UTC, seen.zones, ahead=ahead)
        if is_signed and isinstance(one, timedelta) and value[0] not in "+-" and value != "now":
            raise ValueError
        return times.meant_at(one, seen.now, ahead=ahead)
    except (ValueError, OverflowError):
        raise ValueError(f"{value!r} is no time: give one {SUCH_TIMES}") from None


# How a value may stand to each field, `:` and `=` being the same, and what becomes of it.
FIELDS: Mapping[str, tuple[Sequence[str], Read]] = {
    "state": ("=", lambda _, value, seen: in_state(value, seen.now)),
    "queue": ("=", _text("queue")),
    "tag": ("=", lambda _, value, __: {"tags": (value,)}),
    "task": ("=", _text("task")),
    "command": ("~", _text("command")),
    "error": ("~", _text("error")),
    "fingerprint": ("=", _fingerprint),
    "key": ("=", _text("key")),
    "group": ("=", _text("group")),
    "restart-of": ("=", _text("restart_of")),
    "worker": ("=", _text("worker")),
    "priority": (("=", ">", ">=", "<", "<="), _priority),
    "since": ("=", _time("since", None)),
    "until": ("=", _time(None, "until")),
    "created": (("<", ">"), _time("created_since", "created_until")),
    "ended": (("<", ">"), _time("ended_since", "ended_until")),
    "due": (("<", ">"), _time("due_after", "due_before")),
}
_META = "meta.NAME"

_ONE: Mapping[str, str] = {"state_in": "state", "queue_in": "queue"}
_DUE = frozenset(("due_after", "due_before"))
_OTHER: Mapping[str, str] = {**_ONE, **{one: several for several, one in _ONE.items()}}

# Which of two bounds holds for both: `state:scheduled` is one of `due`, too.
_LOWER = ("since", "created_since", "ended_since", "due_after", "priority_min")
_UPPER = ("until", "created_until", "ended_until", "due_before", "priority_max")
_NARROWER: Mapping[str, Callable[[Any, Any], Any]] = {**dict.fromkeys(_LOWER, max), **dict.fromkeys(_UPPER, min)}


def parse(text: str, now: datetime, zones: times.Zones) -> dict[str, Any]:
    """Return the fields of a Filter that a text asks for; times such as `-2h` are seen from `now`.

    `zones`: returns a time zone by its name, or raises InvalidInput.

    Raises InvalidInput, which tells the place and what was expected there.
    """
    found: dict[str, Any] = {}
    seen = Seen(now, zones)
    for number, (at, _, field, name, how, value) in enumerate(conditions(text), start=1):
        if number > CONDITIONS_MAX:
            _refuse(at, f"there are more than {CONDITIONS_MAX} conditions")
        if name is not None:
            read: Mapping[str, Any] = {"meta": {name: value}}
        else:
            try:
                if field in _ONE.values() and "," in value:
                    raise ValueError(_several(field, value))
                read = FIELDS[field][1](how, value, seen)
            except (ValueError, InvalidInput) as error:
                _refuse(at, error.problem if isinstance(error, InvalidInput) else str(error))
        try:
            found = joined(found, read, is_any=True)
        except InvalidInput as error:
            _refuse(at, f"{field if name is None else f'meta.{name}'} {error.problem}")
    return found


def _several(field: str, value: str) -> str:
    """Return what to give instead of values with commas between them: no state and no name of a queue has one."""
    each = " ".join(f"{field}:{one}" for one in re.split(r"[,\s]+", value) if one)
    return f"{value!r} is no {field}: where several are meant each stands by itself, such as {each or f'{field}:one'}"


def is_condition(text: str) -> bool:
    """Whether a text begins as a condition: with `:` behind it a name is one's only if there is such a field."""
    found = CONDITION.match(text, _after_blanks(text, 0))
    if found is None:
        return False
    field, name, how = found["field"], found["name"], found["how"]
    return how != ":" or (field in FIELDS if name is None else field == "meta")


def joined(some: Mapping[str, Any], more: Mapping[str, Any], *, is_any: bool = False) -> dict[str, Any]:
    """Return the fields of a Filter that are asked for here and there: of two bounds on one side the narrower.

    `is_any`: of the states that are in both, and of the queues, any. Raises InvalidInput for another field in both.
    """
    if is_any:
        some, more = _with_any(some, more)
    found = dict(some)
    for name, value in more.items():
        if name in found and name in _NARROWER:
            found[name] = _NARROWER[name](found[name], value)
        elif name == "tags":
            found[name] = (*found.get(name, ()), *value)
        elif name == "meta":
            before = found.get(name, {})
            if twice := sorted(before.keys() & value.keys()):
                raise InvalidInput(f"meta.{twice[0]}", "is asked for twice")
            found[name] = {**before, **value}
        elif name in found or _OTHER.get(name) in found:
            raise InvalidInput(_ONE.get(name, name), "is asked for twice")
        else:
            found[name] = value
    return found


def _with_any(some: Mapping[str, Any], more: Mapping[str, Any]) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """Return both, and in the first the states and queues of both.

    Raises InvalidInput for several states with a time that a job is due: one of them may be `scheduled`, which has it,
    and with which another that is pending, too, would be no other state.
    """
    found, rest = dict(some), dict(more)
    for several, one in _ONE.items():
        values = [value for each in (found, rest) for value in (*each.pop(several, ()), each.pop(one, None))]
        distinct = tuple(dict.fromkeys(value for value in values if value is not None))
        is_other = len(distinct) > 1 or _is_due_otherwise(some, more)
        if one == "state" and is_other and (found.keys() | rest.keys()) & _DUE:
            raise InvalidInput("state", "is asked for twice, with a time that a job is due: ask for each by itself")
        found |= {one: distinct[0]} if len(distinct) == 1 else {several: distinct} if distinct else {}
    return found, rest


def _is_due_otherwise(some: Mapping[str, Any], more: Mapping[str, Any]) -> bool:
    """Whether both name a state, and what is asked for here of when such jobs are due is not asked for there."""
    return (
        "state" in more
        and bool(some.keys() & {"state", "state_in"})
        and any(some.get(bound) != more.get(bound) for bound in _DUE)
    )


def conditions(text: str) -> Iterator[Condition]:
    """Yield the conditions of a text, whatever their values mean. Raises InvalidInput, as `parse`."""
    at, before = _after_blanks(text, 0), None
    while at < len(text):
        found = CONDITION.match(text, at)
        if found is None:
            _refuse(at, _no_condition(_word(text, at), before))
        field, how = found["field"], "=" if found["how"] == ":" else found["how"]
        _check(at, field, found["name"], how)
        value = VALUE.match(text, found.end())
        if value is None:
            _refuse(found.end(), _no_value(text, found.end(), found[0]))
        name = None if found["name"] is None else unquoted(found["name"])
        yield Condition(at, value.end(), field, name, how, unquoted(value[0]))
        before = found[0], value[0]
        at = _after_blanks(text, value.end())


def _no_condition(word: str, before: tuple[str, str] | None) -> str:
    """Return what is wrong with a word; `before`: how the condition before it begins, and its value."""
    if before is None or _QUOTED_WHOLE.fullmatch(before[1]) or '"' in word:
        return f"{word!r} is no condition: give FIELD:VALUE, {SUCH}; {_known()}"
    begin, value = before
    return f'{word!r} is no condition: a value with blanks stands in quotation marks, such as {begin}"{value} {word}"'


def _check(at: int, field: str, name: str | None, how: str) -> None:
    is_meta = field == "meta" and name is not None
    if not is_meta and (field not in FIELDS or name is not None):
        shown = field if name is None else f"{field}.{name}"
        _refuse(at, f"{shown!r} is no field{one_of('the fields', shown, [*FIELDS, _META])}")
    known = "=" if is_meta else FIELDS[field][0]
    if how not in known:
        several = " or ".join("`:`" if one == "=" else f"`{one}`" for one in known)
        _refuse(at, f"{field} stands with {several} before its value, not with `{':' if how == '=' else how}`")


def _no_value(text: str, at: int, before: str) -> str:
    if text[at : at + 1] == '"':
        if re.compile(_QUOTED, re.DOTALL).match(text, at):
            return "a blank must stand behind a value in quotation marks"
        return "the quotation mark is never closed"
    return f'a value must stand behind {before}, or "" for none'


def _refuse(at: int, problem: str) -> NoReturn:
    raise InvalidInput("filter", f"at character {at + 1}: {problem}") from None


def _known() -> str:
    return f"the fields are {', '.join([*FIELDS, _META])}"


def _word(text: str, at: int) -> str:
    return text[at : at + 40].split(None, 1)[0]


def _after_blanks(text: str, at: int) -> int:
    found = _BLANKS.match(text, at)
    assert found is not None
    return found.end()


def unquoted(value: str) -> str:
    """Return a value without the quotation marks round it, and the backslashes in it, if it stands in these."""
    return _ESCAPED.sub(r"\1", value[1:-1]) if value.startswith('"') else value


def text_of(wanted: Filter) -> str:
    """Return the text that asks for the same jobs; in what part of the list they stand it does not say."""
    asked = {name: value for name, value in asdict(wanted).items() if value not in (None, (), {})}
    return " ".join(one for name, value in asked.items() for one in _told(name, value))


def _told(name: str, value: Any) -> Iterator[str]:
    match name:
        case "tags":
            yield from (f"tag:{quoted(one)}" for one in value)
        case "meta":
            yield from (f"meta.{quoted(key, _BARE_NAME)}={quoted(one)}" for key, one in value.items())
        case "state_in" | "queue_in":
            yield from (f"{_ONE[name]}:{quoted(one)}" for one in value)
        case "restart_of":
            yield f"restart-of:{quoted(value)}"
        case "error" | "command":
            yield f"{name}~{quoted(value)}"
        case "priority_min" | "priority_max":
            yield f"priority{'>=' if name == 'priority_min' else '<='}{value}"
        case "created_since" | "ended_since" | "due_after":
            yield f"{name.partition('_')[0]}>{value.isoformat()}"
        case "created_until" | "ended_until" | "due_before":
            yield f"{name.partition('_')[0]}<{value.isoformat()}"
        case "since" | "until":
            yield f"{name}:{value.isoformat()}"
        case "after" | "limit" | "scan":
            pass
        case _:
            yield f"{name}:{quoted(value)}"


def quoted(text: str, bare: re.Pattern[str] = _BARE) -> str:
    """Return a value as it stands in a filter's text: in quotation marks where it has to."""
    if bare.fullmatch(text):
        return text
    escaped = re.sub(r'(["\\])', r"\\\1", text)
    return f'"{escaped}"'
