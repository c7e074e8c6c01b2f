"""What a job of a declared task is asked for with: its arguments checked, its policy laid over the defaults. Pure."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

import msgspec

from eventqueue.model.codec import EPOCH
from eventqueue.model.events import Call
from eventqueue.model.spec import Defaults, key_of_arguments
from eventqueue.tasks import registry


def as_declared(
    fields: Mapping[str, Any], defaults: Defaults, now: Callable[[], datetime]
) -> tuple[Mapping[str, Any], Defaults]:
    """Return a job's fields and defaults as its task has them; as they are where it is unknown here.

    Then whoever runs it finds out whether the arguments fit. Raises InvalidInput, which names the argument.
    """
    name, args, kwargs = fields.get("task"), fields.get("args") or [], fields.get("kwargs") or {}
    task = registry.find(name) if isinstance(name, str) else None
    if task is None or not isinstance(args, list | tuple) or not isinstance(kwargs, Mapping):
        return fields, defaults  # what is no argument at all is refused like any field
    call = task.contract.checked(Call(task=task.name, args=list(args), kwargs=dict(kwargs)))
    asked = {**fields, "task": task.name, "args": call.args, "kwargs": call.kwargs}
    if task.unique and fields.get("id") is None and fields.get("key") is None:
        asked["key"] = unique_key(task.contract.shortest(call), task.unique, now)
    return asked, task.policy.over(defaults)


def unique_key(call: Call, within: bool | timedelta, now: Callable[[], datetime]) -> str:
    """Return the key that calls with the same arguments share: for ever, or in the same stretch of time.

    Stretches are counted from 1970 on, so that who asks at the same time has the same one.
    """
    content = msgspec.json.encode([call.task, call.args, call.kwargs], order="sorted")
    key = key_of_arguments(sha256(content).hexdigest()[:32])
    return f"{key}-{(now() - EPOCH) // within}" if isinstance(within, timedelta) else key
