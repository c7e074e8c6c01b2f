"""What is typed and cannot be meant: by which option, and with which exit code, it is refused."""

import pytest

from tests.cli.commands import Queuectl, is_one_sentence
from tests.cli.test_every_command import USES
from tests.cli.test_secrets import command

FUTURE = "2099-01-01"
BAD = {
    ("events", "--type", "faild"): "--type: 'faild' is no type of event (is failed meant?)",
    ("events", "--where", "exit_code=3"): "--where: 'exit_code' is no field of an event",
    ("simulate", "--max-retries", "1", "--exit-codes", "x"): "--exit-codes: 'x' are no exit codes",
    ("stats", "--window", "0"): "--window: must be longer than nothing",
    ("worker", "start", "--queue", "/"): "--queue: may hold letters",
    ("enqueue", "--backoff-base", "-1", "--", "true"): "--backoff-base: expected a number >= 0",
    ("enqueue", "--tag", "\udcff", "--", "true"): "--tag: is not valid UTF-8",
    ("enqueue", "--tag", "", "--", "true"): "--tag: expected text of length >= 1",
    ("set", "one", "--tag", ""): "--tag: expected text of length >= 1",
    ("list", "--tag", "\udcff"): "'--tag': it is not valid UTF-8",
    ("audit", "verify", "--all", "--record", "/no/directory/x"): "--record: is in a directory that is not there",
    ("replay", "--all", "--into", "a.b"): "--into: MongoDB accepts no such database name",
    ("config", "set", "grace", "x"): "grace: expected seconds, or such as 10m",
    ("config", "get", "grce"): "grce: is no setting (is grace meant?)",
    ("config", "unset", "grce"): "grce: is no setting (is grace meant?)",
    ("--db", "a.b", "status"): "--db: MongoDB accepts no such database name",
}
BY_QUEUE = {
    "errors": 1,
    "stats": 1,
    "simulate --max-retries 1": 1,
    "events": 0,
    "list": 0,
    "dlq list": 0,
    "cancel --all --yes": 0,
    "dlq retry --all --dry-run": 0,
}


@pytest.mark.parametrize(("args", "said"), BAD.items(), ids=str)
def test_what_is_refused_of_an_option_is_wrong_usage_by_its_name(
    shared: Queuectl, args: tuple[str, ...], said: str
) -> None:
    ran = shared.here(*args)

    assert ran.code == 2
    assert is_one_sentence(ran), ran
    assert said in ran.err
    assert "--help`" in ran.err


def test_a_job_that_is_typed_and_is_none_is_wrong_usage_too(shared: Queuectl) -> None:
    assert shared.here("enqueue", '{"command": "true", "queue": "/"}').code == 2


def test_what_is_refused_of_the_environment_is_not(shared: Queuectl) -> None:
    assert shared.with_environ(QUEUECTL_DB="a.b").here("status").code == 1
    assert shared.with_environ(QUEUECTL_GRACE="x").here("config", "list").code == 1


SINCE = [name for name in USES if any(param.name == "since" for param in command(name).params)]


@pytest.mark.parametrize("name", SINCE)
def test_from_a_time_on_that_is_yet_to_come_nothing_is_told(shared: Queuectl, name: str) -> None:
    more = {"simulate": ("--max-retries", "1"), "audit verify": ("--all",), "replay": ("--projection", "a:b")}

    ran = shared.here(*name.split(), *more.get(name, ()), "--since", FUTURE)

    assert ran.code == 2
    assert is_one_sentence(ran), ran
    assert "--since: lies in the future" in ran.err


def test_every_option_that_is_a_time_says_what_one_is_and_in_which_zone() -> None:
    times = [one for name in USES for one in command(name).params if one.type.name == "ago|time"]

    assert len(times) > len(SINCE) > 5
    assert all("UTC unless a zone is given" in (getattr(one, "help", None) or "") for one in times)


@pytest.mark.parametrize(("words", "code"), BY_QUEUE.items())
def test_a_queue_that_never_was_does_not_look_healthy(queuectl: Queuectl, words: str, code: int) -> None:
    queuectl.ok("enqueue", "--queue", "mail", "--", "true")
    queuectl.ok("queue", "pause", "held")

    for form in ((), ("--json",)):
        ran = queuectl.here(*words.split(), "--queue", "mial", *form)
        assert ran.code == code
        assert "No queue 'mial' ever had a job (is mail meant?): " in ran.err
    for name in ("mail", "held"):
        assert "ever had" not in queuectl.here(*words.split(), "--queue", name).err
