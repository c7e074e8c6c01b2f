"""What `queuectl enqueue` refuses: one sentence on stderr, the exit code, and nothing in the queue."""

import pytest

from tests.cli.commands import Queuectl, is_one_sentence

DEEP = '{"command": "true", "meta": {"a": ' + "[" * 100 + "]" * 100 + "}}"
DEEPER = '{"command": "true", "meta": ' + "[" * 100_000 + "]" * 100_000 + "}"

JOBS = {
    "no JSON": ("{command", "no valid JSON"),
    "nothing": ("", "no JSON object"),
    "a word": ("ls", "put -- before it"),
    "an array": ('["command"]', "no JSON object"),
    "more than one object": ('{"command": "a"} {"command": "b"}', "no valid JSON"),
    "a field twice": ('{"command": "a", "command": "b"}', "command: is given twice"),
    "a field twice within": ('{"command": "a", "meta": {"x": 1, "x": 2}}', "x: is given twice"),
    "NaN": ('{"command": "a", "delay": NaN}', "NaN is no JSON value"),
    "Infinity": ('{"command": "a", "timeout": -Infinity}', "-Infinity is no JSON value"),
    "a number beyond floats": ('{"command": "a", "delay": 1e999}', "delay"),
    "an integer beyond 64 bits": ('{"command": "a", "meta": {"n": 18446744073709551616}}', "meta.n"),
    "an integer of thousands of digits": ('{"command": "a", "priority": ' + "9" * 5000 + "}", "no valid JSON"),
    "deep nesting": (DEEP, "nested"),
    "very deep nesting": (DEEPER, "nested"),
    "no command": ('{"queue": "mail"}', "command: is required"),
    "an empty command": ('{"command": ""}', "command"),
    "an unknown field": ('{"command": "a", "prio": 1}', "prio: is no field"),
    "a field of MongoDB's": ('{"command": "a", "$where": "1"}', "$where"),
    "an operator as command": ('{"command": {"$gt": ""}}', "command: expected text, got a JSON object"),
    "an operator as queue": ('{"command": "a", "queue": {"$gt": ""}}', "queue: expected text, got a JSON object"),
    "an operator as id": ('{"command": "a", "id": {"$ne": null}}', "id: expected text, got a JSON object"),
    "an operator as key": ('{"command": "a", "key": {"$gt": ""}}', "key: expected text, got a JSON object"),
    "a misspelt field": ('{"command": "a", "prority": 1}', "prority: is no field of a job (is priority meant?); the "),
    "a number in env": ('{"command": "a", "env": {"B": "1", "A": 1}}', "env.A: expected text"),
    "a misspelt part": (
        '{"command": "a", "backoff": {"bas": 1}}',
        "backoff.bas: is no part of backoff (is base meant?)",
    ),
    "a word as number": ('{"command": "a", "priority": "high"}', "priority: expected a whole number, got text"),
    "a word as time": ('{"command": "a", "run_at": "noon"}', "run_at: 'noon' is no time: give one such as 10m, 18:00Z"),
    "a number as command": ('{"command": 1}', "command: expected text, got a whole number"),
    "a text as priority": ('{"command": "a", "priority": "high"}', "priority"),
    "true as max_retries": ('{"command": "a", "max_retries": true}', "max_retries"),
    "a text as tags": ('{"command": "a", "tags": "x"}', "tags"),
    "a variable without a name": ('{"command": "a", "env": {"": "1"}}', "env"),
    "an unknown part of backoff": ('{"command": "a", "backoff": {"factor": 2}}', "factor"),
    "an id with a blank": ('{"command": "a", "id": "a b"}', "id: may hold letters"),
    "a delay below zero": ('{"command": "a", "delay": -1}', "delay"),
    "a negative timeout": ('{"command": "a", "timeout": -1}', "timeout"),
    "no date": ('{"command": "a", "run_at": "tomorrow"}', "run_at"),
    "a date without a zone": ('{"command": "a", "run_at": "2030-01-01T00:00:00"}', "run_at: needs a time zone"),
    "an id and a key": ('{"command": "a", "id": "a", "key": "b"}', "key: cannot be given together with id"),
    "two times": ('{"command": "a", "delay": 1, "run_at": "2030-01-01T00:00:00Z"}', "delay: cannot be given"),
    "NUL in the command": ('{"command": "a\\u0000b"}', "command: holds a NUL character"),
    "NUL in a tag": ('{"command": "a", "tags": ["x\\u0000"]}', "tags: holds a NUL character"),
    "NUL in a variable": ('{"command": "a", "env": {"A": "\\u0000"}}', "env: holds a NUL character"),
    "a lone surrogate": ('{"command": "\\ud800"}', "command: is not valid UTF-8: it holds a lone surrogate"),
    "a lone surrogate as key of meta": ('{"command": "a", "meta": {"\\udfff": 1}}', "meta: is not valid UTF-8"),
    "a lone surrogate as field": ('{"command": "a", "\\ud800": 1}', "is no field"),
    "more than an event holds": ('{"command": "a", "meta": {"x": "' + "x" * 300_000 + '"}}', "bytes"),
}


@pytest.mark.parametrize(("job", "said"), JOBS.values(), ids=JOBS.keys())
def test_a_json_job_is_refused_in_one_sentence(shared: Queuectl, job: str, said: str) -> None:
    ran = shared.here("enqueue", job)

    assert ran.code == 2
    assert is_one_sentence(ran), ran
    assert said in ran.err
    assert shared.ok("list", "--json").json == []


WORDS = {
    "a delay below zero": (("--delay", "-1"), "--delay: "),
    "a bad id": (("--id", "a/b"), "--id: may hold letters"),
    "a date without a zone": (("--run-at", "2030-01-01"), "--run-at: needs a time zone"),
    "meta that is no object": (("--meta", "[1]"), "'--meta': it is no JSON object, such as {\"customer\": 7}"),
    "an empty queue": (("--queue", ""), "--queue: "),
    "a directory with a NUL escape": (("--cwd", "/tmp\udcff"), "--cwd: is not valid UTF-8: it holds a lone surrogate"),
}


@pytest.mark.parametrize(("options", "said"), WORDS.values(), ids=WORDS.keys())
def test_a_field_given_as_an_option_is_refused_by_its_name(
    shared: Queuectl, options: tuple[str, ...], said: str
) -> None:
    ran = shared.here("enqueue", *options, "--", "true")

    assert ran.code == 2
    assert is_one_sentence(ran), ran
    assert said in ran.err
    assert shared.ok("list", "--json").json == []


USAGE = {
    "nothing": (),
    "two jobs": ("{}", "{}"),
    "words without dashes": ("echo", "hello"),
    "no words after dashes": ("--",),
    "JSON and words": ("{}", "--", "true"),
    "JSON and a file": ("{}", "--file", "-"),
    "JSON and a field": ("{}", "--queue", "mail"),
    "a file and a field": ("--file", "-", "--delay", "1"),
    "skip-invalid without a file": ("--skip-invalid", "{}"),
    "no number": ("--priority", "high", "--", "true"),
    "no duration": ("--delay", "soon", "--", "true"),
    "no variable": ("--env", "NAME", "--", "true"),
    "an unknown option": ("--prio", "1", "--", "true"),
}


@pytest.mark.parametrize("args", USAGE.values(), ids=USAGE.keys())
def test_wrong_usage_is_told_in_one_sentence(shared: Queuectl, args: tuple[str, ...]) -> None:
    ran = shared.here("enqueue", *args)

    assert ran.code == 2
    assert is_one_sentence(ran), ran
    assert "queuectl enqueue --help" in ran.err
    assert shared.ok("list", "--json").json == []


@pytest.mark.parametrize(
    ("args", "code"),
    [((b'{"command": "echo \xff"}',), 2), ((b"--", b"echo", b"\xff"), 1), ((b"--queue", b"\xff", b"--", b"true"), 2)],
)
def test_bytes_that_are_no_text_are_refused(shared: Queuectl, args: tuple[bytes, ...], code: int) -> None:
    ran = shared.process("enqueue", *args)

    assert ran.code == code
    assert is_one_sentence(ran), ran
    assert shared.ok("list", "--json").json == []


def test_a_bad_job_is_refused_by_the_process_too(shared: Queuectl) -> None:
    ran = shared.process("enqueue", '{"command": {"$gt": ""}}')

    assert ran.code == 2
    assert is_one_sentence(ran), ran


def test_with_json_a_refusal_leaves_stdout_empty(shared: Queuectl) -> None:
    ran = shared.here("--json", "enqueue", "{")

    assert (ran.code, ran.out) == (2, "")


def test_a_word_before_a_command_is_named_with_the_option_that_may_be_meant(shared: Queuectl) -> None:
    ran = shared.here("enqueue", "-q", "mail", "--", "ls")

    assert ran.code == 2
    assert "'mail' stands before --, where only options do: a queue is given by --queue" in ran.err
