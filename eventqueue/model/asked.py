"""What a Python program may ask for, with the types that it has for it, and the JSON values that are made of these.

A duration is a number of seconds then; in `meta` a datetime is its text of ISO 8601, and a UUID its usual text. So it
comes back as what JSON has for it, from the log as from every list, and the same call is the same job again.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, TypedDict
from uuid import UUID

from eventqueue.errors import InvalidInput
from eventqueue.model.codec import DEPTH_MAX
from eventqueue.model.durations import Duration
from eventqueue.model.retry import Backoff


class BackoffFields(TypedDict, total=False):
    """The parts of a backoff that are to be otherwise than the default; see Backoff."""

    base: Duration
    cap: Duration
    jitter: float


class JobFields(TypedDict, total=False):
    """The fields of a job that is to be enqueued, each as in the README; None: as if it were not given."""

    command: str | None
    task: str | None
    args: Sequence[Any] | None
    kwargs: Mapping[str, Any] | None
    id: str | None
    queue: str | None
    priority: int | None
    run_at: datetime | None
    delay: Duration | None
    expires_at: datetime | None
    expires: Duration | None
    max_retries: int | None
    backoff: Backoff | BackoffFields | None
    timeout: Duration | None
    key: str | None
    tags: Sequence[str] | None
    group: str | None
    env: Mapping[str, str] | None
    cwd: str | None
    meta: Mapping[str, Any] | None
    correlation: str | None


class AmendedFields(TypedDict, total=False):
    """The fields that may be changed of a job that waits; None: as if it were not given. `env`: those variables."""

    priority: int | None
    queue: str | None
    run_at: datetime | None
    delay: Duration | None
    max_retries: int | None
    timeout: Duration | None
    env: Mapping[str, str] | None
    tags: Sequence[str] | None
    command: str | None


def in_json(field: str, value: Any) -> Any:
    """Return the value of a field as JSON has it; what it has nothing for stays as it is.

    Raises InvalidInput for a datetime without a time zone in `meta`.
    """
    if field == "meta":
        return _data_in_json(value, DEPTH_MAX)
    if field == "backoff" and isinstance(value, Backoff):
        return {name: getattr(value, name) for name in value.__struct_fields__}
    if isinstance(value, Mapping):
        return {name: in_json("", part) for name, part in value.items()}
    return value.total_seconds() if isinstance(value, timedelta) else value


def _data_in_json(value: Any, depth: int) -> Any:
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise InvalidInput("meta", "holds a datetime without a time zone: give it one, such as datetime.UTC")
        return value.isoformat()
    if depth and isinstance(value, Mapping):  # what is nested deeper is refused as a whole
        return {key: _data_in_json(part, depth - 1) for key, part in value.items()}
    if depth and isinstance(value, list | tuple):
        return [_data_in_json(part, depth - 1) for part in value]
    return value
