"""What can be a task, what it is called, and who is called so."""

import importlib
import sys
from collections.abc import Iterator
from datetime import timedelta
from importlib.machinery import ModuleSpec
from pathlib import Path
from typing import Any

import pytest

from eventqueue import Context, ImportFailed, InvalidInput, TaskRefused, schedule, task
from eventqueue.model.retry import Backoff
from eventqueue.model.spec import Defaults
from eventqueue.tasks import planned, registry
from eventqueue.tasks.declared import Declared


@pytest.fixture(autouse=True)
def _nothing_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "_tasks", {})
    monkeypatch.setattr(planned, "_timings", [])


@pytest.fixture(name="modules")
def a_directory_of_modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.syspath_prepend(tmp_path)
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        del sys.modules[name]


def send(to: str, n: int = 1) -> str:
    return f"{n} to {to}"


async def fetch(url: str) -> str:
    return url


def test_a_task_is_called_by_its_modules_path_and_runs_here_when_it_is_called() -> None:
    found = task(send)

    assert found.name == "tests.tasks.test_declaring.send"
    assert found("ann", n=2) == "2 to ann"
    assert found.__name__ == "send"
    assert registry.find(found.name) is found.declared
    assert not found.declared.is_async
    assert task(fetch).declared.is_async


def test_what_its_jobs_are_like_goes_over_the_defaults_and_no_further() -> None:
    found = task(queue="mail", priority=0, max_retries=0, timeout=5, expires=60, tags=["a"], backoff=Backoff(base=1.0))

    policy = found(send).declared.policy

    assert policy.over(Defaults(queue="default", priority=9, cwd="/srv")) == Defaults(
        queue="mail",
        priority=0,
        max_retries=0,
        timeout=5.0,
        expires=60.0,
        tags=("a",),
        backoff=Backoff(base=1.0),
        cwd="/srv",
    )


class Mailer:
    def send(self) -> None: ...

    @staticmethod
    def receive() -> None: ...


def numbers() -> Iterator[int]:
    yield 1


async def further() -> Any:
    yield 1


@pytest.mark.parametrize(
    ("function", "problem"),
    [
        (lambda: None, "a lambda has no name"),
        (Mailer.send, "it stands in a class"),
        (Mailer.receive, "it stands in a class"),
        (Mailer().send, "it is no function"),
        (Mailer, "it is no function"),
        (print, "it is no function"),
        (numbers, "it is a generator"),
        (further, "it is a generator"),
        ("send", "it is no function"),
    ],
    ids=range(9),
)
def test_what_no_worker_could_call_is_refused(function: Any, problem: str) -> None:
    with pytest.raises(TaskRefused, match=problem):
        task(function)


def test_a_function_within_another_needs_a_name() -> None:
    def inner() -> None: ...

    with pytest.raises(TaskRefused, match="made within another function"):
        task(inner)
    assert task(name="inner")(inner).name == "inner"


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"name": "a b"}, "name"),
        ({"name": ""}, "name"),
        ({"aliases": ["a/b"]}, "aliases"),
        ({"queue": "a b"}, "queue"),
        ({"priority": 2**31}, "priority"),
        ({"max_retries": -1}, "max_retries"),
        ({"timeout": 0}, "timeout"),
        ({"timeout": "5"}, "timeout"),
        ({"timeout": float("inf")}, "timeout"),
        ({"timeout": float("nan")}, "timeout"),
        ({"timeout": timedelta.max}, "timeout"),
        ({"expires": -1}, "expires"),
        ({"expires": 2**63}, "expires"),
        ({"backoff": Backoff(base=float("inf"))}, "backoff"),
        ({"backoff": Backoff(cap=float("nan"))}, "backoff"),
        ({"unique": 5}, "unique"),
        ({"unique": timedelta(0)}, "unique"),
        ({"unique": timedelta.max}, "unique"),
        ({"tags": "urgent"}, "tags"),
        ({"tags": [""]}, "tags"),
        ({"retry_on": ValueError("no class")}, "retry_on"),
        ({"discard_on": (int,)}, "discard_on"),
        ({"max_retry": 1}, "max_retry"),
    ],
    ids=str,
)
def test_an_option_that_is_none_is_refused_by_its_name(options: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        task(**options)(send)

    assert refused.value.field.split("[")[0].split(".")[0] == field


def test_two_with_one_name_are_refused_and_both_are_named() -> None:
    task(name="mail")(send)

    with pytest.raises(
        TaskRefused, match=r"Task mail cannot be: tests\.tasks\.test_declaring\.send is called so already"
    ):
        task(name="mail")(fetch)
    with pytest.raises(TaskRefused, match="called so already"):
        task(aliases=["mail"])(fetch)


def test_a_task_is_found_by_what_it_was_called_before() -> None:
    found = task(name="mail", aliases=["post"])(send)

    assert registry.find("post") is registry.find("mail") is found.declared
    assert registry.known() == ("mail", "post")
    assert list(registry.tasks()) == [found.declared]


def test_a_module_that_is_loaded_again_brings_its_tasks_anew(modules: Path) -> None:
    (modules / "jobs_again.py").write_text("from eventqueue import task\n@task\ndef one() -> int: return 1\n")
    registry.load(["jobs_again"])
    (modules / "jobs_again.py").write_text("from eventqueue import task\n@task\ndef one() -> int: return 2345\n")

    importlib.reload(sys.modules["jobs_again"])

    found = registry.find("jobs_again.one")
    assert isinstance(found, Declared)
    assert found.function() == 2345


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (None, "there is no such module where Python looks"),
        ("import nowhere_to_be_found", "No module named 'nowhere_to_be_found' (broken.py, line 1)"),
        ("x = 1\nraise ValueError('no database')", "ValueError: no database (broken.py, line 2)"),
        ("import sys\nsys.exit(3)", "SystemExit: 3 (broken.py, line 2)"),
        ("def send(:", "SyntaxError"),
        ("1 / 0", "ZeroDivisionError: division by zero (broken.py, line 1)"),
        # Of what eventqueue or a library refuses, the user's own line.
        ("from eventqueue import task\n@task(max_retry=5)\ndef f(): ...", "tags (broken.py, line 2)"),
        ("import json\n\njson.loads('x')", "(broken.py, line 3)"),
    ],
    ids=str,
)
def test_a_module_that_cannot_be_imported_is_told_in_a_sentence(modules: Path, text: str | None, problem: str) -> None:
    if text is not None:
        (modules / "broken.py").write_text(text)

    with pytest.raises(ImportFailed) as refused:
        registry.load(["broken"])

    assert str(refused.value).startswith("Module 'broken' cannot be imported: ")
    assert problem in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("letters.py", "is letters meant?"),
        ("./letters", "is letters meant?"),
        ("app/tasks.py", "is app.tasks meant?"),
        ("app:tasks", "is app meant?"),
        (".tasks", "is tasks meant?"),
        ("/", "that is no module's name"),
    ],
)
def test_what_is_no_modules_name_is_refused_with_the_one_that_is_meant(given: str, said: str) -> None:
    with pytest.raises(ImportFailed) as refused:
        registry.load([given])

    assert str(refused.value).startswith(f"Module {given!r} cannot be imported: that is no module's name")
    assert said in str(refused.value)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("send = task(lambda: None)", "line 2"),
        ("@task\ndef numbers():\n    yield 1", "line 2"),
        ("@task('mail')\ndef send(): ...", "line 2"),
        ("class C:\n    @task\n    def f(self): ...", "line 3"),
        ("@task\ndef odd(what: complex): ...", "line 2"),
    ],
    ids=str,
)
def test_what_cannot_be_a_task_is_told_with_its_place(modules: Path, text: str, place: str) -> None:
    (modules / "refused.py").write_text(f"from eventqueue import task\n{text}\n")

    with pytest.raises(TaskRefused) as told:
        registry.load(["refused"])

    assert f"(refused.py, {place})" in str(told.value)


def test_tasks_that_no_worker_could_run_are_found_when_they_are_loaded(modules: Path) -> None:
    (modules / "odd_tasks.py").write_text("from eventqueue import task\n@task\ndef one(what: complex) -> None: ...\n")

    with pytest.raises(TaskRefused, match="its parameter what is a complex"):
        registry.load(["odd_tasks"])


def test_a_script_is_called_as_a_worker_imports_it(modules: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    main = type(sys)("__main__")
    main.__file__ = str(modules / "app.py")
    monkeypatch.setitem(sys.modules, "__main__", main)

    def made() -> None: ...

    made.__module__, made.__qualname__ = "__main__", "made"

    assert task(made).name == "app.made"


@pytest.mark.parametrize("file", [None, "<stdin>", "<string>", "pk/__main__.py"])
def test_what_no_worker_could_import_runs_here_and_is_not_enqueued(
    monkeypatch: pytest.MonkeyPatch, file: str | None
) -> None:
    main = type(sys)("__main__")
    if file is not None:
        main.__file__ = file
    monkeypatch.setitem(sys.modules, "__main__", main)

    def typed() -> int:
        return 1

    typed.__module__, typed.__qualname__ = "__main__", "typed"
    found = task(typed)

    assert found() == 1
    with pytest.raises(TaskRefused, match="it stands in no module that a worker could import"):
        found.enqueue()
    assert task(name="app.typed")(typed).signature().call.task == "app.typed"


def test_what_is_run_as_a_package_is_called_as_a_worker_imports_it(monkeypatch: pytest.MonkeyPatch) -> None:
    main = type(sys)("__main__")
    main.__spec__ = ModuleSpec("pk.__main__", None)
    monkeypatch.setitem(sys.modules, "__main__", main)

    def made() -> None: ...

    made.__module__, made.__qualname__ = "__main__", "made"

    assert task(made).name == "pk.__main__.made"


def test_what_a_task_may_know_of_its_job_is_no_argument() -> None:
    def told(ctx: Context, to: str) -> None: ...

    assert task(name="told")(told).signature("ann").call.kwargs == {"to": "ann"}  # type: ignore[call-arg,arg-type]


# Schedules.


def test_a_schedule_has_all_that_its_task_says_of_its_jobs() -> None:
    found = task(name="mail.send", queue="mail", max_retries=1, tags=["a"], backoff=Backoff(base=1.0))(send)

    schedule("*/5 * * * *", tz="Europe/Berlin", args=["ann"], overlap="skip")(found)
    schedule(every=timedelta(minutes=5), name="often", kwargs={"to": "bob", "n": 2})(found)

    assert planned.planned() == [
        planned.Planned(
            name="mail.send",
            fields={
                "task": "mail.send",
                "args": [],
                "kwargs": {"to": "ann"},
                "queue": "mail",
                "max_retries": 1,
                "tags": ["a"],
                "backoff": {"base": 1.0, "cap": 3600.0, "jitter": 0.1},
            },
            cron="*/5 * * * *",
            tz="Europe/Berlin",
            overlap="skip",
        ),
        planned.Planned(
            name="often",
            fields={
                "task": "mail.send",
                "args": [],
                "kwargs": {"to": "bob", "n": 2},
                "queue": "mail",
                "max_retries": 1,
                "tags": ["a"],
                "backoff": {"base": 1.0, "cap": 3600.0, "jitter": 0.1},
            },
            every=300.0,
        ),
    ]


def test_a_schedule_whose_arguments_do_not_fit_is_refused() -> None:
    schedule("* * * * *")(task(send))

    with pytest.raises(InvalidInput, match="missing a required argument: 'to'"):
        planned.planned()


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({"cron": "* * * *"}, "is no cron expression"),
        ({"cron": "* * * * *", "every": 5}, "one of them says when"),
        ({}, "one of them says when"),
        ({"every": 0.1}, "a second or more"),
        ({"cron": "* * * * *", "tz": "Nowhere"}, "no time zone"),
        ({"cron": "* * * * *", "missed": "twice"}, "is no policy"),
        ({"cron": "* * * * *", "overlap": "never"}, "is no policy"),
        ({"cron": "* * * * *", "name": "a b"}, "may hold letters"),
    ],
    ids=str,
)
def test_a_schedule_that_is_none_is_refused_where_it_stands(given: dict[str, Any], problem: str) -> None:
    cron = [given.pop("cron")] if "cron" in given else []

    with pytest.raises(InvalidInput, match=f"Schedule .* cannot be: .*{problem}"):
        schedule(*cron, args=["ann"], **given)(task(send))
    assert planned.planned() == []


def test_a_schedule_whose_arguments_do_not_fit_is_found_when_its_module_is_loaded(modules: Path) -> None:
    (modules / "nightly.py").write_text(
        "from eventqueue import schedule, task\n@schedule('* * * * *')\n@task\ndef send(to: str): ...\n"
    )

    with pytest.raises(InvalidInput, match=r"Schedule nightly\.send cannot be: .*missing a required argument: 'to'"):
        registry.load(["nightly"])


@pytest.mark.parametrize(
    ("name", "meant"),
    [("delay", "enqueue"), ("defer", "enqueue"), ("apply_async", "options"), ("s", "signature"), ("send", "enqueue")],
)
def test_who_calls_it_as_another_library_does_is_told_what_is_meant(name: str, meant: str) -> None:
    found = task(send)

    for one in (found, found.options(queue="mail")):
        with pytest.raises(AttributeError, match=rf"has no attribute '{name}': is {meant}\(…\).* meant?"):
            getattr(one, name)
    assert not hasattr(found, "nothing")


def test_two_schedules_with_one_name_are_refused() -> None:
    schedule("* * * * *", name="nightly", args=["ann"])(task(send))
    schedule("* * * * *", name="nightly", args=["ann"])(task(fetch))

    with pytest.raises(TaskRefused, match="two schedules are called nightly"):
        planned.planned()


def test_a_schedule_stands_above_its_task() -> None:
    with pytest.raises(TaskRefused, match="@schedule stands above @task"):
        schedule("* * * * *")(send)  # type: ignore[arg-type]
