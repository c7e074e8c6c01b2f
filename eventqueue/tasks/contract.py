"""What a task takes and gives back, by its annotations: arguments checked and encoded, and read again. Pure."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from types import NoneType, UnionType
from typing import Any, Never, NoReturn, Union, get_args, get_origin, get_type_hints

import msgspec

from eventqueue.errors import ArgumentsChanged, InvalidInput, ResultRefused, TaskRefused
from eventqueue.model.codec import DATA_MAX, check_data, size_of
from eventqueue.model.events import Call
from eventqueue.tasks.context import Context
from eventqueue.tasks.values import Unfit, check_type, decoded, encoded, plainly

_VARIABLE = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
_NAMED = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
_BY_NAME = inspect.Parameter.KEYWORD_ONLY
_NOTHING = (None, NoneType, Any)  # as annotations of a result of which None is one
_ANYTHING = (object, Never, NoReturn)  # as annotations of a result that is not said
LARGE = "what is large belongs into a file or a store, and its name into the job"


class Contract:
    """The parameters of one task's function. Raises TaskRefused for a function that could not be called by a worker."""

    def __init__(self, name: str, function: Callable[..., Any]) -> None:
        self._name = name
        hints = _hints(name, function)
        result = hints.get("return", Any)
        self._result = Any if result in _ANYTHING else result
        declared = inspect.signature(function)
        self._returns = declared.return_annotation
        parameters = declared.parameters.values()
        self.context: str | None = next((one.name for one in parameters if _is_context(hints.get(one.name))), None)
        given = [one for one in parameters if one.name != self.context]
        self._signature = inspect.Signature(given)
        self._kinds = {one.name: hints.get(one.name, Any) for one in given}
        self._required = {one.name for one in given if one.default is one.empty and one.kind not in _VARIABLE}
        self._by_name = {one.name for one in given if one.kind in _NAMED}
        self._check_context(declared.parameters)
        for one in given:
            self._check(f"its parameter {one.name}", self._kinds[one.name])
        self._check("what it gives back", self._result)

    def __str__(self) -> str:
        """What a caller gives, and gets back, as one would write it."""
        return str(self._signature.replace(return_annotation=self._returns))

    def _check(self, what: str, kind: Any) -> None:
        try:
            check_type(kind)
        except Unfit as error:
            raise TaskRefused(self._name, f"{what} {error}") from None

    def _check_context(self, parameters: Mapping[str, inspect.Parameter]) -> None:
        """Refuse a Context that cannot be given by its name, as it is."""
        if self.context is None:
            return
        kind = parameters[self.context].kind
        has_rest = any(one.kind is _VARIABLE[0] for one in parameters.values())
        if kind is not _BY_NAME and (has_rest or kind is not inspect.Parameter.POSITIONAL_OR_KEYWORD):
            problem = f"its parameter {self.context}, which is given by name, must stand behind a `*`"
            raise TaskRefused(self._name, f"{problem}: *, {self.context}: Context = NO_JOB")

    # Enqueueing

    def call(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Call:
        """Return the call with these values, encoded. Raises InvalidInput, which names the argument."""
        bound = self._bound(args, kwargs)
        return self._each(bound, lambda name, value: encoded(value, self._kinds[name]))

    def checked(self, call: Call) -> Call:
        """Return a call that came as JSON in the form in which `call` would have made it. Raises InvalidInput."""
        whole = f"do not fit task {self._name}: "
        args, kwargs = self.read(
            call, lambda name, problem: InvalidInput(name or "args", problem if name else f"{whole}{problem}")
        )
        return self.call(args, kwargs)

    def shortest(self, call: Call) -> Call:
        """Return the call without the arguments that are as they are by default: so it is the same with and without.

        And so it stays when a parameter with a default is added.
        """
        bound = self._signature.bind(*call.args, **call.kwargs)
        for name in reversed([*bound.arguments]):
            kind, is_default = self._signature.parameters[name].kind, self._is_default(name, bound.arguments[name])
            if is_default:
                del bound.arguments[name]
            elif kind in (_VARIABLE[0], inspect.Parameter.POSITIONAL_ONLY):  # those before it keep their places
                break
        return self._each(bound, lambda _, value: value)

    def _is_default(self, name: str, plain: Any) -> bool:
        default, kind = self._signature.parameters[name].default, self._kinds[name]
        try:
            ours = encoded(decoded(plainly(default), kind), kind)
        except Unfit:  # none, or one that its annotation does not name, such as None for a text
            return default is None and plain is None
        return msgspec.json.encode(ours) == msgspec.json.encode(plain)

    def _bound(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> inspect.BoundArguments:
        try:
            return self._signature.bind(*args, **kwargs)
        except TypeError as error:
            raise InvalidInput("args", f"do not fit task {self._name}: {error}") from None

    def _each(self, bound: inspect.BoundArguments, change: Callable[[str, Any], Any]) -> Call:
        """Return the call with each argument changed; by its name, where that may be, whatever way it was given."""
        args: list[Any] = []
        kwargs: dict[str, Any] = {}
        has_rest = any(self._signature.parameters[name].kind is _VARIABLE[0] for name in bound.arguments)
        for name, value in bound.arguments.items():
            match self._signature.parameters[name].kind:
                case inspect.Parameter.VAR_POSITIONAL:
                    args += [_named(f"{name}.{place}", change, name, one) for place, one in enumerate(value)]
                case inspect.Parameter.VAR_KEYWORD:
                    kwargs |= {key: _named(key, change, name, one) for key, one in value.items()}
                case inspect.Parameter.POSITIONAL_ONLY:
                    args.append(_named(name, change, name, value))
                case inspect.Parameter.POSITIONAL_OR_KEYWORD if has_rest:  # what comes behind it has no name
                    args.append(_named(name, change, name, value))
                case _:
                    kwargs[name] = _named(name, change, name, value)
        return Call(task=self._name, args=args, kwargs=kwargs)

    # Running

    def arguments(self, call: Call, context: Context) -> tuple[list[Any], dict[str, Any]]:
        """Return what a stored call gives to the function as it is now, in this context. Raises ArgumentsChanged."""
        args, kwargs = self.read(call, lambda name, problem: ArgumentsChanged(self._name, name, problem))
        return args, kwargs if self.context is None else {**kwargs, self.context: context}

    def read(self, call: Call, refusal: Callable[[str, str], Exception]) -> tuple[list[Any], dict[str, Any]]:
        """Return the values of a stored call; where they do not fit raise the `refusal` of a name and a problem.

        The name is empty where it is all of them that do not fit.
        """
        is_by_name = not call.args and self._required <= call.kwargs.keys() <= self._by_name  # as nearly every one is
        try:
            bound = None if is_by_name else self._signature.bind(*call.args, **call.kwargs)
        except TypeError as error:
            raise refusal("", str(error)) from None
        try:
            if bound is None:
                return [], {name: _named(name, self._decoded, name, value) for name, value in call.kwargs.items()}
            read = self._each(bound, self._decoded)
        except InvalidInput as error:
            raise refusal(error.field, error.problem) from None
        return read.args, read.kwargs

    def _decoded(self, name: str, value: Any) -> Any:
        return decoded(value, self._kinds[name])

    def result(self, value: Any) -> Any:
        """Return what the function returned as a JSON value that is read as the same again. Raises ResultRefused."""
        if value is None and self._result in _NOTHING:
            return None
        try:
            plain = plainly(value)
            check_data(plain, "result")
        except Unfit as error:
            raise ResultRefused(f"{error}: return what JSON can hold") from None
        except InvalidInput as error:
            raise ResultRefused(f"{error.problem}: return what JSON can hold") from None
        _check_size(_least(plain))
        try:
            kept = encoded(value, self._result)
        except Unfit as error:
            raise ResultRefused(f"of task {self._name} is not what it says to give back: {_inner(error)}") from None
        _check_size(size_of(kept))
        return kept

    def result_read(self, plain: Any) -> Any:
        """Return the result that a JSON value stands for, by the function's annotation. Raises ResultRefused."""
        try:
            return decoded(plain, self._result)
        except (Unfit, TypeError) as error:
            raise ResultRefused(f"is not of the type that task {self._name} gives back now: {error}") from None


def _is_context(hint: Any) -> bool:
    return hint is Context or (get_origin(hint) in (Union, UnionType) and set(get_args(hint)) == {Context, NoneType})


def _hints(name: str, function: Callable[..., Any]) -> dict[str, Any]:
    try:
        return get_type_hints(function, include_extras=True)
    except Exception as error:  # whatever an annotation in a text leads to
        problem = f"its annotations cannot be read ({type(error).__name__}: {error}): what they name must be imported"
        raise TaskRefused(name, problem) from None


def _named(field: str, change: Callable[[str, Any], Any], name: str, value: Any) -> Any:
    try:
        return change(name, value)
    except Unfit as error:
        raise InvalidInput(field, _inner(error)) from None


def _inner(error: Unfit) -> str:
    return f"{str(error)[:1].lower()}{str(error)[1:]}"


def _check_size(size: int) -> None:
    if size > DATA_MAX:
        raise ResultRefused(f"has more than {DATA_MAX:,} bytes ({size:,} at least): {LARGE}")


def _least(value: Any) -> int:
    """Return how many bytes a JSON value has at least as it is stored, or so many of them that they are too many."""
    total, waiting = 0, [value]
    while waiting and total <= DATA_MAX:
        match waiting.pop():
            case str() as text:
                total += len(text)
            case dict() as several:
                total += sum(map(len, several))
                waiting += several.values()
            case list() | tuple() as several:
                total += len(several)
                waiting += several
            case _:
                total += 2
    return total
