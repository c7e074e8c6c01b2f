"""Running a task in this process, without a job: as a test or a person does."""

from collections.abc import Callable, Coroutine, Mapping, Sequence
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

from eventqueue.model.events import Call
from eventqueue.tasks.context import Context, running
from eventqueue.tasks.declared import Declared
from eventqueue.tasks.ending import of_error
from eventqueue.tasks.outcomes import Outcome, Returned


def run(
    task: Declared,
    *,
    args: Sequence[Any] = (),
    kwargs: Mapping[str, Any] = MappingProxyType({}),
    wait: Callable[[Coroutine[Any, Any, Any]], Any],
) -> Outcome:
    """Return how a call with these JSON values ended; `wait` runs a coroutine, as `asyncio.run` does.

    Raises InvalidInput for arguments that do not fit.
    """
    call = task.contract.checked(Call(task=task.name, args=list(args), kwargs=dict(kwargs)))
    context = Context(id="here", task=task.name, attempt=1, claim=0, queue=task.policy.queue or "default")
    given, named = task.contract.arguments(call, context)
    with running(context):
        try:
            value = task.function(*given, **named)
            return Returned(task.contract.result(wait(value) if task.is_async else value))
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # `sys.exit`, too: a worker would tell of it, and go on
            return of_error(task, error, 1, datetime.now(UTC))
