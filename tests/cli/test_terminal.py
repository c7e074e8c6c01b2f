"""What a terminal shows: colours, unless they are not wanted; lines that fit, with ids whole if they do."""

import pytest

from eventqueue.api.queue import Queue
from eventqueue.cli.session import BUILT_AT_ONCE
from tests.cli.commands import Queuectl
from tests.cli.past import completed, died
from tests.cli.terminals import on_terminal


def test_a_terminal_gets_colours(queuectl: Queuectl) -> None:
    assert "\x1b[32m✔" in on_terminal(queuectl, "enqueue", "--id", "one", "--", "true")
    assert "\x1b[36mpending" in on_terminal(queuectl, "list")
    assert "\x1b[31m✘" in on_terminal(queuectl, "show", "two")


def test_no_color_is_obeyed(queuectl: Queuectl) -> None:
    plain = queuectl.with_environ(NO_COLOR="1")

    assert "\x1b[3" not in on_terminal(plain, "enqueue", "--id", "one", "--", "true")
    assert "\x1b[3" not in on_terminal(plain, "list")


def test_a_dumb_terminal_gets_no_escapes(queuectl: Queuectl) -> None:
    queuectl.ok("enqueue", "--id", "one", "--", "true")

    assert "\x1b" not in on_terminal(queuectl.with_environ(TERM="dumb"), "list")


def test_json_on_a_terminal_is_indented_and_not_coloured(queuectl: Queuectl) -> None:
    shown = on_terminal(queuectl, "config", "get", "grace", "--json")

    assert shown.splitlines() == ["{", '  "name": "grace",', '  "value": 30.0,', '  "source": "built-in"', "}"]


def test_a_line_is_cut_to_the_terminal_and_the_id_where_nothing_else_helps(queuectl: Queuectl) -> None:
    plain = queuectl.with_environ(NO_COLOR="1")
    queuectl.ok("enqueue", "--id", "i" * 40, "--", "echo " + "日本" * 60)

    wide = on_terminal(plain, "list", columns=120).splitlines()[1]
    narrow = on_terminal(plain, "list", columns=30).splitlines()[2]

    assert wide.endswith("…")
    assert "i" * 40 in wide
    assert len(wide) < 120  # in characters: the wide ones take two columns each
    assert "iii…" in narrow


@pytest.mark.parametrize("words", ["events", "history i", "errors", "list", "dlq list"])
def test_on_eighty_columns_nothing_is_cut_that_a_person_asks_for(queuectl: Queuectl, queue: Queue, words: str) -> None:
    error = "exit code 7: could not connect to smtp.example.com: connection refused"
    queuectl.ok("enqueue", "--id", f"i{'d' * 35}", "--", "send the mail that everybody waits for")
    died(queue, f"i{'d' * 35}", error)

    shown = on_terminal(queuectl.with_environ(NO_COLOR="1", TERM="dumb"), *words.split(), "--quiet", columns=80)

    assert "…" not in shown
    assert error in " ".join(shown.split())
    assert max(map(len, shown.splitlines())) <= 80


@pytest.mark.parametrize("words", ["events", "history one"])
def test_what_an_event_says_is_whole_where_there_is_room(queuectl: Queuectl, words: str) -> None:
    command = "send the mail that everybody waits for " + "x" * 40
    queuectl.ok("enqueue", "--id", "one", "--", command)

    shown = on_terminal(queuectl.with_environ(NO_COLOR="1"), *words.split(), columns=240)

    assert any(line.endswith(command) for line in shown.splitlines())


def test_who_waits_for_many_views_to_be_built_sees_how_far_they_are(queuectl: Queuectl, queue: Queue) -> None:
    queue.enqueue_many({"command": "true"} for _ in range(BUILT_AT_ONCE))

    assert "bringing the views up to date" in on_terminal(queuectl, "status")
    assert "bringing the views up to date" not in on_terminal(queuectl, "status")


def test_progress_is_shown_on_a_terminal_unless_it_is_to_be_quiet(queuectl: Queuectl) -> None:
    queuectl.ok("enqueue", "--file", "-", stdin=b'{"command": "true"}\n' * 10)

    assert "verifying" in on_terminal(queuectl, "audit", "verify", "--all")
    assert "verifying" not in on_terminal(queuectl, "audit", "verify", "--all", "--quiet")


@pytest.mark.parametrize("words", ["list", "dlq list"])
def test_a_person_is_told_of_what_is_cut_and_a_program_gets_all(queuectl: Queuectl, queue: Queue, words: str) -> None:
    queue.enqueue_many({"command": "false", "id": f"job-{number}"} for number in range(51))
    for number in range(51):
        died(queue, f"job-{number}")
    args = words.split()

    assert "newest 50, and there are more" in on_terminal(queuectl, *args)
    assert on_terminal(queuectl, *args).count("job-") == 50
    assert "newest" not in on_terminal(queuectl, *args, "--limit", "51")
    assert "newest 3, and there are more" in queuectl.ok(*args, "--limit", "3").err
    assert len(queuectl.ok(*args, "--json").json) == 51
    assert len(queuectl.ok(*args).out.splitlines()) == 52
    assert queuectl.ok(*args).err == ""


def test_a_terminal_gets_an_outputs_text_and_colours_and_nothing_that_steers_it(
    queuectl: Queuectl, queue: Queue
) -> None:
    queuectl.ok("enqueue", "--id", "one", "--", "true")
    completed(queue, "one", b"\x1b[31mred\x1b]0;title\x07\ttab\xff\n")

    assert "\x1b[31mred\\x1b]0;title\\x07\ttab\\xff\r\n\x1b[0m" in on_terminal(queuectl, "logs", "one")
    assert "\x1b]0;title" in on_terminal(queuectl, "logs", "one", "--raw")
