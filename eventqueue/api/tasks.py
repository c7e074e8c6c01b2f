"""`@task`: a function that may be called here, or enqueued to be run by a worker.

    @task(queue="mail", max_retries=5)
    def send(to: str, n: int = 1) -> None: ...

    send("ann")              # runs it here and now
    send.enqueue("ann", n=2)  # has a worker run it

All that is known of a task without a database is in `eventqueue.tasks`.
"""

from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import update_wrapper
from typing import TYPE_CHECKING, Any, Generic, NoReturn, ParamSpec, TypedDict, TypeVar, Unpack, overload

import msgspec

from eventqueue.api.current import current_queue
from eventqueue.errors import DifferentJob, InvalidInput, TaskRefused
from eventqueue.model.asked import BackoffFields
from eventqueue.model.durations import Duration, in_seconds
from eventqueue.model.fields import check_name, unfit
from eventqueue.model.names import one_of
from eventqueue.model.retry import LONGEST_S, Backoff
from eventqueue.tasks import registry
from eventqueue.tasks.called import TaskCall
from eventqueue.tasks.declared import BackoffFunction, Declared, Policy, check_function, name_of
from eventqueue.tasks.planned import Timing, plan

if TYPE_CHECKING:
    from pymongo.asynchronous.client_session import AsyncClientSession
    from pymongo.client_session import ClientSession

    from eventqueue.api.handles import Handle

P = ParamSpec("P")
R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)
T = TypeVar("T")

OPTIONS = ("name", "aliases", "retry_on", "discard_on", "unique", *Policy.__struct_fields__)


# What other libraries call it.
MEANT = dict.fromkeys(("delay", "send", "defer", "apply", "enqueue_async", "kiq"), "enqueue(…)")
MEANT |= dict.fromkeys(("apply_async", "send_with_options", "configure", "kicker"), "options(…).enqueue(…)")
MEANT |= dict.fromkeys(("s", "si", "message", "subtask"), "signature(…)")


UNKNOWN = "it stands in no module that a worker could import: put it into a file, or give it a name="


class Options(TypedDict, total=False):
    """What one call may be asked for otherwise than its task says: the fields of `Queue.enqueue`, and its session."""

    id: str
    key: str
    queue: str
    priority: int
    run_at: datetime
    delay: Duration
    expires_at: datetime
    expires: Duration
    max_retries: int
    backoff: Backoff | BackoffFields
    timeout: Duration
    tags: Sequence[str]
    group: str
    meta: Mapping[str, Any]
    correlation: str
    session: "ClientSession | AsyncClientSession"


class Signature(TaskCall[R], Generic[R], frozen=True):
    """One call of a task as a value, for `enqueue` of a Queue or AsyncQueue: now or later, alone or among others."""

    def enqueue(self) -> "Handle[R]":
        """Enqueue it. Raises as `Queue.enqueue` does."""
        return current_queue().enqueue(self)


class Prepared(Generic[P, R_co]):
    """A task with options for the calls that are made of it."""

    def __init__(self, declared: Declared, options: Mapping[str, Any]) -> None:
        self._declared = declared
        self._options = options

    if not TYPE_CHECKING:  # for which the name that is not there is an error

        def __getattr__(self, name: str) -> NoReturn:
            meant = f": is {MEANT[name]} meant?" if name in MEANT else ""
            raise AttributeError(
                f"{type(self).__name__!r} object has no attribute {name!r}{meant}", name=name, obj=self
            )

    def options(self, **options: Unpack[Options]) -> "Prepared[P, R_co]":
        """Return it with further options; those given later hold."""
        return Prepared(self._declared, {**self._options, **options})

    @overload
    def signature(self: "Prepared[P, Coroutine[Any, Any, T]]", *args: P.args, **kwargs: P.kwargs) -> Signature[T]: ...

    @overload
    def signature(self, *args: P.args, **kwargs: P.kwargs) -> Signature[R_co]: ...

    def signature(self, *args: P.args, **kwargs: P.kwargs) -> Signature[Any]:
        """Return the call as a value. Raises InvalidInput, which names the argument that does not fit.

        And TaskRefused for a function that was only typed, or read from stdin: no worker could import it.
        """
        return self._called(args, kwargs)

    def _called(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Signature[Any]:
        if not self._declared.is_somewhere:
            raise TaskRefused(self._declared.name, UNKNOWN)
        taken = self._declared.contract
        return Signature(taken.call(args, kwargs), self._options, taken.result_read)

    @overload
    def enqueue(  # what is async gives back what it is awaited for
        self: "Prepared[P, Coroutine[Any, Any, T]]", *args: P.args, **kwargs: P.kwargs
    ) -> "Handle[T]": ...

    @overload
    def enqueue(self, *args: P.args, **kwargs: P.kwargs) -> "Handle[R_co]": ...

    def enqueue(self, *args: P.args, **kwargs: P.kwargs) -> "Handle[Any]":
        """Have a worker run it. Raises InvalidInput naming the argument, and as `Queue.enqueue` does.

        The result that its handle gives is what the function returned, by its annotation.
        """
        return self._called(args, kwargs).enqueue()

    def map(self, calls: Iterable[Any]) -> "list[Handle[Any] | DifferentJob]":
        """Enqueue many calls at once, a result each, in order.

        Of each call a tuple is its arguments, a mapping those by name, and anything else its only one. All are checked
        before the first is enqueued. Raises InvalidInput whose `field` begins with the call's place, from 0.
        """
        return current_queue().enqueue_many([self._one(place, given) for place, given in enumerate(calls)])

    def _one(self, place: int, given: Any) -> Signature[Any]:
        args: tuple[Any, ...] = given if isinstance(given, tuple) else () if isinstance(given, Mapping) else (given,)
        kwargs = given if isinstance(given, Mapping) else {}
        try:
            return self._called(args, kwargs)
        except InvalidInput as error:
            raise InvalidInput(f"{place}.{error.field}", error.problem) from None


class Task(Prepared[P, R_co]):
    """A function that is known to workers by its `name`. To call it runs it here, as if it were none."""

    __name__: str

    def __init__(self, declared: Declared) -> None:
        super().__init__(declared, {})
        update_wrapper(self, declared.function)

    @property
    def name(self) -> str:
        """What it is called in the log."""
        return self._declared.name

    @property
    def declared(self) -> Declared:
        """How it was declared."""
        return self._declared

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R_co:
        """Run it here and now."""
        found: R_co = self._declared.function(*args, **kwargs)
        return found

    def __repr__(self) -> str:
        return f"<task {self.name}>"


@overload
def task(function: Callable[P, R], /) -> Task[P, R]: ...


@overload
def task(
    *,
    name: str | None = None,
    aliases: Iterable[str] = (),
    queue: str | None = None,
    priority: int | None = None,
    max_retries: int | None = None,
    backoff: Backoff | BackoffFunction | None = None,
    timeout: Duration | None = None,
    expires: Duration | None = None,
    retry_on: type[BaseException] | tuple[type[BaseException], ...] = (),
    discard_on: type[BaseException] | tuple[type[BaseException], ...] = (),
    tags: Iterable[str] = (),
    unique: bool | timedelta = False,
) -> Callable[[Callable[P, R]], Task[P, R]]: ...


def task(
    function: Callable[P, R] | None = None,
    /,
    *,
    name: str | None = None,
    aliases: Iterable[str] = (),
    backoff: Backoff | BackoffFunction | None = None,
    retry_on: type[BaseException] | tuple[type[BaseException], ...] = (),
    discard_on: type[BaseException] | tuple[type[BaseException], ...] = (),
    unique: bool | timedelta = False,
    **policy: Any,
) -> Task[P, R] | Callable[[Callable[P, R]], Task[P, R]]:
    """Declare a function, `def` or `async def`, as a task.

    `name`: what it is called in the log, by default its module's path and its own name; `aliases`: what it was called
    before, so that jobs from then are run. `queue`, `priority`, `max_retries`, `timeout`, `tags`: what its jobs are
    like unless they are asked for otherwise; `expires`: so long after it is due a job is cancelled instead of run.
    `backoff`: a Backoff, or a function of (attempt, exception) that returns how long to wait for the retry.
    `retry_on`: only these exceptions are tried again, by default all; `discard_on`: these end the job as cancelled.
    `unique`: the same arguments are the same job, for ever (True) or within each such stretch of time.
    Raises TaskRefused for what cannot be a task, InvalidInput for an option that is none.
    """

    def declare(function: Callable[P, R]) -> Task[P, R]:
        check_function(function, name)
        declared = Declared(
            name=check_name(name, "name") if name is not None else name_of(function),
            function=function,
            aliases=tuple(check_name(one, "aliases") for one in aliases),
            policy=_policy({**policy, "backoff": backoff if isinstance(backoff, Backoff) else None}),
            backoff=None if backoff is None or isinstance(backoff, Backoff) else backoff,
            retry_on=_classes("retry_on", retry_on),
            discard_on=_classes("discard_on", discard_on),
            unique=_checked_unique(unique),
        )
        registry.register(declared)
        return Task(declared)

    return declare if function is None else declare(function)


def schedule(
    cron: str | None = None,
    /,
    *,
    every: Duration | None = None,
    tz: str | None = None,
    name: str | None = None,
    args: Sequence[Any] = (),
    kwargs: Mapping[str, Any] | None = None,
    missed: str = "once",
    overlap: str = "allow",
) -> Callable[[Task[P, R]], Task[P, R]]:
    """Have a job of a task made at each tick: `@schedule("*/5 * * * *", tz="Europe/Berlin")` above `@task`.

    Workers that import the task set the schedule when they start, under its `name`, by default the task's; whoever
    starts last with another definition has the last word, and one that stands in code no more is removed by
    `queuectl schedule remove`. `args`, `kwargs`: of each call. All else as in `Queue.schedule`. Raises InvalidInput
    for a schedule that is none; whether the arguments fit is seen when queuectl has loaded the module.
    """

    def put(task: Task[P, R]) -> Task[P, R]:
        if not isinstance(task, Task):
            raise TaskRefused(getattr(task, "__name__", repr(task)), "@schedule stands above @task, which it is for")
        span = in_seconds(every) if every is not None else None
        named = dict(kwargs or {})
        when = {"cron": cron, "every": span, "tz": tz, "missed": missed, "overlap": overlap}
        plan(task.declared, Timing(name=name, args=tuple(args), kwargs=named, **when))  # type: ignore[arg-type]
        return task

    return put


def _policy(given: Mapping[str, Any]) -> Policy:
    if unknown := sorted(given.keys() - {*Policy.__struct_fields__}):
        raise InvalidInput(unknown[0], f"is no option of a task{one_of('the options', unknown[0], OPTIONS)}")
    plain = {name: in_seconds(value) if isinstance(value, timedelta) else value for name, value in given.items()}
    if isinstance(tags := given.get("tags"), Iterable) and not isinstance(tags, str):
        plain["tags"] = tuple(tags)
    try:
        # Through what it is made of: a Backoff was held against nothing where it was made.
        return msgspec.convert(msgspec.to_builtins(plain), Policy)
    except msgspec.ValidationError as error:
        raise unfit(error) from None


def _classes(field: str, given: Any) -> tuple[type[BaseException], ...]:
    classes = given if isinstance(given, tuple) else (given,)
    if not all(isinstance(one, type) and issubclass(one, BaseException) for one in classes):
        raise InvalidInput(field, "must be a class of exceptions, or several in a tuple")
    return classes


def _checked_unique(unique: object) -> bool | timedelta:
    if not isinstance(unique, bool | timedelta):
        raise InvalidInput("unique", "must be True, for ever, or a timedelta")
    if isinstance(unique, timedelta) and not timedelta(0) < unique <= timedelta(seconds=LONGEST_S):
        raise InvalidInput("unique", "must be longer than nothing, and a hundred years at most")
    return unique
