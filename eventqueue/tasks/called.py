"""A call of a task as a value, before it is known which queue it goes to. Pure."""

from collections.abc import Callable, Mapping
from typing import Any, Generic, TypeVar

import msgspec

from eventqueue.errors import InvalidInput
from eventqueue.model.events import Call

R = TypeVar("R")


class TaskCall(msgspec.Struct, Generic[R], frozen=True):
    """A call with its options; `read` makes what the function returned of what the log has of it."""

    call: Call
    options: Mapping[str, Any]
    read: Callable[[Any], R] | None = None

    def fields(self) -> dict[str, Any]:
        """Return the fields of the job. Raises InvalidInput where it is to be enqueued in a session, which is none."""
        if self.options.get("session") is not None:
            raise InvalidInput("session", "is no field of a job: give `enqueue` the signature itself")
        return self.job()

    def job(self) -> dict[str, Any]:
        """As `fields`, for who sees to the session."""
        options = {name: value for name, value in self.options.items() if name != "session"}
        return {"task": self.call.task, "args": self.call.args, "kwargs": self.call.kwargs, **options}
