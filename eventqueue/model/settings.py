"""The defaults for jobs and workers, each with its name, its type and its built-in value.

A stored value is an event of `config-default`, so that a change is history too. Where a value is given several
times: option, environment, stored, built-in.
"""

import reprlib
from collections.abc import Iterable, Mapping
from typing import Annotated, Any

import msgspec

from eventqueue.errors import InvalidInput
from eventqueue.model.durations import SUCH_DURATIONS, seconds_in
from eventqueue.model.events import ConfigSet, ConfigUnset, Recorded
from eventqueue.model.fields import NO_NAME, Name, Whole, plainly
from eventqueue.model.names import as_known, one_of
from eventqueue.model.retry import LONGEST_S, Backoff, Fraction, Seconds
from eventqueue.model.spec import Defaults

STREAM = "config-default"
RETENTION = "output-retention"

Value = str | int | float | None


class Setting(msgspec.Struct, frozen=True):
    """One setting: what it may be, what it is unless changed, and what it is for."""

    type: Any
    builtin: Value
    help: str
    form: str = ""  # what is said of a text that does not fit its pattern
    is_duration: bool = False  # in seconds; as text also such as `10m`
    is_shared: bool = False  # the database obeys it, so that no process has a value of its own

    def parse(self, name: str, text: Any) -> Value:
        """Return the value in `text` (as typed, or already of its type). Raises InvalidInput naming the setting."""
        if text == "none" and self.builtin is None:  # as it is shown
            return None
        seconds = seconds_in(text) if self.is_duration and isinstance(text, str) else None
        given = text if seconds is None else seconds
        try:
            # Not strict: from a command line and from the environment every value comes as text.
            value: Value = msgspec.convert(given, self.type, strict=not isinstance(given, str))
        except msgspec.ValidationError as error:
            problem = self.form if "regex" in str(error) else plainly(str(error).partition(", got ")[0])
            if self.is_duration and given is text and isinstance(text, str):
                problem = f"expected {SUCH_DURATIONS}"
            problem += ", or none" if self.builtin is None else ""
            raise InvalidInput(name, f"{problem}, got {reprlib.repr(text)}") from None
        return value


def _seconds(least: float) -> Any:
    return Annotated[float, msgspec.Meta(ge=least, le=LONGEST_S)]


def _count(most: int) -> Any:
    return Annotated[int, msgspec.Meta(ge=1, le=most)]


_CODE = "(25[0-5]|2[0-4][0-9]|1?[0-9]?[0-9])"
_CODES = rf"^(none|{_CODE}(,{_CODE})*)$(?!\n)"

SETTINGS: Mapping[str, Setting] = {
    "queue": Setting(Name, "default", "queue of a job that names none", NO_NAME),
    "priority": Setting(Whole, 0, "priority of a job that gives none; higher runs first"),
    "max-retries": Setting(Annotated[int, msgspec.Meta(ge=0, lt=2**31)], 3, "how often a failed job is tried again"),
    "backoff-base": Setting(Seconds, 2.0, "the n-th retry waits base to the power of n seconds"),
    "backoff-cap": Setting(Seconds, 3600.0, "longest wait for a retry, in seconds", is_duration=True),
    "backoff-jitter": Setting(Fraction, 0.1, "part of a wait that chance may add to it, 0 to 1"),
    "timeout": Setting(
        _seconds(0.001) | None,
        None,
        "how long a job may run, in seconds; none: as long as it likes",
        is_duration=True,
    ),
    "fatal-exit-codes": Setting(
        Annotated[str, msgspec.Meta(pattern=_CODES)],
        "126,127",
        "exit codes that no retry mends (no such program): dead at once; none: each is tried again",
        "expected exit codes with commas between them, such as 126,127, or none",
    ),
    RETENTION: Setting(
        Annotated[float, msgspec.Meta(ge=0, le=2**31 - 1)],
        14 * 86_400.0,
        "how long what jobs wrote is kept, in seconds; 0: for ever",
        is_duration=True,
        is_shared=True,
    ),
    "concurrency": Setting(_count(1000), 1, "jobs that one worker runs at the same time"),
    "lease": Setting(
        _seconds(5), 30.0, "a worker that is silent for so many seconds is taken for lost", is_duration=True
    ),
    "grace": Setting(
        _seconds(0), 30.0, "how long a stopping worker lets its jobs finish, in seconds", is_duration=True
    ),
}


class Source(msgspec.Struct, frozen=True):
    """A setting's value in force, and where it comes from: option, environment, stored or built-in."""

    value: Value
    source: str


def variable(name: str) -> str:
    """Return the environment variable that overrides the setting `name`."""
    return f"QUEUECTL_{name.upper().replace('-', '_')}"


def setting(name: str) -> Setting:
    """Return the setting called `name`, as `named` has it. Raises InvalidInput if there is none."""
    return SETTINGS[named(name)]


def named(name: str) -> str:
    """Return the name of a setting as it is written, of `max_retries` too. Raises InvalidInput if there is none."""
    found = as_known(name, SETTINGS)
    if found not in SETTINGS:
        raise InvalidInput(name, f"is no setting{one_of('the settings', name, SETTINGS)}")
    return found


def fold(history: Iterable[Recorded]) -> tuple[dict[str, Value], str | None]:
    """Return the stored values after all events of `config-default`, and why the last one is of no use, if it is not.

    A value that does not fit its setting changes nothing; a setting that is unknown here is a newer eventqueue's.
    """
    stored: dict[str, Value] = {}
    problem = None
    for recorded in history:
        problem = None
        match recorded.event:
            case ConfigSet(name=name, value=value) if name in SETTINGS:
                try:
                    stored[name] = SETTINGS[name].parse(name, value)
                except InvalidInput as error:
                    problem = f"{recorded.stream} version {recorded.version} sets {error}."
            case ConfigUnset(name=name):
                stored.pop(name, None)
    return stored, problem


def resolve(stored: Mapping[str, Value], environ: Mapping[str, str]) -> dict[str, Source]:
    """Return each setting's value in force. Raises InvalidInput for an environment variable of a wrong type."""
    found: dict[str, Source] = {}
    for name, one in SETTINGS.items():
        if text := environ.get(variable(name)):  # an empty one is none
            if one.is_shared:
                raise InvalidInput(
                    variable(name), f"is for one process, and {name} for all: `queuectl config set {name}` stores it"
                )
            found[name] = Source(one.parse(variable(name), text), "environment")
        elif name in stored:
            found[name] = Source(stored[name], "stored")
        else:
            found[name] = Source(one.builtin, "built-in")
    return found


def job_defaults(values: Mapping[str, Source], cwd: str | None) -> Defaults:
    """Return what a request falls back to."""
    return msgspec.convert(
        {
            "queue": values["queue"].value,
            "priority": values["priority"].value,
            "max_retries": values["max-retries"].value,
            "backoff": Backoff(
                base=_number(values["backoff-base"]),
                cap=_number(values["backoff-cap"]),
                jitter=_number(values["backoff-jitter"]),
            ),
            "timeout": values["timeout"].value,
            "cwd": cwd,
        },
        Defaults,
    )


def exit_codes(text: Value) -> frozenset[int]:
    """Return the exit codes in the value of `fatal-exit-codes`."""
    return frozenset() if text == "none" else frozenset(map(int, str(text).split(",")))


def _number(found: Source) -> float:
    assert isinstance(found.value, int | float)
    return found.value
