"""`queuectl top` on a terminal: a screen that obeys, shows all that others wrote as text, and leaves nothing behind."""

import os
import signal
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import pytest
from pymongo import MongoClient

from eventqueue.api.queue import Queue
from eventqueue.cli.screen.asking import Pace
from eventqueue.cli.screen.job import read
from eventqueue.cli.screen.reading import Reading
from eventqueue.model.codec import seal
from eventqueue.model.events import Completed, Recorded
from eventqueue.model.job import State, fold
from eventqueue.ports.log import Append
from tests.builders import RETRIED_BY_OPERATOR, claimed
from tests.cli.commands import Queuectl
from tests.cli.conftest import environ
from tests.cli.emulated import Terminal, terminal
from tests.cli.hostile import fill, register
from tests.cli.past import completed, died, happened, wrote
from tests.cli.running import started
from tests.mongo.servers import running
from tests.patience import PATIENCE_S

FOOT = "q quit"
ASKED = "Which jobs?"


@pytest.fixture
def jobs(queue: Queue) -> Queue:
    """Two jobs of `mail` that are dead, one that waits; one of `web` that has completed, one that runs."""
    queue.enqueue_many({"id": one, "queue": "mail", "command": f"send {one}"} for one in ("ann", "bob", "cid"))
    queue.enqueue_many({"id": one, "queue": "web", "command": f"fetch {one}"} for one in ("done", "runs"))
    died(queue, "ann", "no space left on device 3")
    died(queue, "bob", "no space left on device 77")
    completed(queue, "done", b"all is well\n")
    happened(queue, "runs", claimed())
    queue.status()
    return queue


@contextmanager
def top(queuectl: Queuectl, columns: int = 100, rows: int = 30, **environ: str) -> Iterator[Terminal]:
    with terminal(queuectl, "top", columns=columns, rows=rows, **environ) as shown:
        shown.awaits(FOOT)
        yield shown


def on_row(shown: Terminal, part: str) -> bool:
    """Whether the cursor is on the row with this in it."""
    return any(part in line for line in shown.reversed_lines)


def ask_for(shown: Terminal, text: str) -> None:
    """Have the jobs shown that a filter lets through."""
    shown.type("/")
    shown.awaits(ASKED)
    shown.type(text, "enter")


# How it ends


@pytest.mark.parametrize("key", ["q", "ctrl-c"])
def test_a_key_ends_it_with_0_and_the_terminal_is_as_it_was(queuectl: Queuectl, key: str) -> None:
    with top(queuectl) as shown:
        shown.type(key)
        assert shown.ends() == 0

        assert shown.settings == shown.before
        assert shown.left_open == set()


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129), (signal.SIGINT, 0)])
def test_a_signal_ends_it_and_the_terminal_is_as_it_was(queuectl: Queuectl, number: signal.Signals, code: int) -> None:
    with top(queuectl) as shown:
        shown.process.send_signal(number)
        assert shown.ends() == code

        assert shown.settings == shown.before
        assert shown.left_open == set()


def test_ctrl_z_gives_the_terminal_back_until_it_goes_on(queuectl: Queuectl) -> None:
    with top(queuectl) as shown:
        shown.type("ctrl-z")
        shown.awaits(lambda: shown.left_open == set())
        _, status = os.waitpid(shown.process.pid, os.WUNTRACED)

        assert os.WIFSTOPPED(status)
        assert shown.settings == shown.before
        shown.process.send_signal(signal.SIGCONT)
        shown.awaits(lambda: shown.left_open != set())
        shown.type("w")
        shown.awaits("No worker is alive: `queuectl worker start` starts some.")
        shown.type("q")
        assert shown.ends() == 0
        assert shown.left_open == set()


def test_it_does_not_outlive_its_terminal(queuectl: Queuectl) -> None:
    with top(queuectl) as shown:
        shown.hang_up()

        assert shown.process.wait(PATIENCE_S) == 129


def test_what_nobody_expected_is_one_sentence_and_the_terminal_is_as_it_was(queuectl: Queuectl, jobs: Queue) -> None:
    broken = "import eventqueue.cli.screen.queues as q; q.titled = lambda *_: 1 / 0"
    with terminal(queuectl, "top", before=broken) as shown:
        assert shown.ends() == 1

        assert shown.settings == shown.before
        assert shown.left_open == set()
        assert "Unexpected ZeroDivisionError" in shown.text
        assert b"Traceback" not in shown.written


# Where it goes


def test_it_is_redrawn_when_the_views_move(queuectl: Queuectl, queue: Queue) -> None:
    with top(queuectl) as shown:
        queue.enqueue(command="true", queue="fresh")
        queue.status()

        shown.awaits(lambda: "fresh" in shown.text and "1 due" in shown.text)


def test_enter_opens_a_queue_then_a_job_and_esc_goes_back(queuectl: Queuectl, jobs: Queue) -> None:
    with top(queuectl) as shown:
        shown.awaits("mail")
        shown.type("enter")
        shown.awaits(lambda: "queue:mail" in shown.text and "send cid" in shown.text)
        assert "fetch done" not in shown.text
        shown.type("down")
        shown.awaits(lambda: on_row(shown, "bob"))
        shown.type("enter")
        shown.awaits(lambda: "Job bob is dead" in shown.text and "the retries are used up" in shown.text)
        shown.awaits("dead-lettered")
        shown.type("esc")
        shown.awaits("queue:mail")
        shown.type("esc")
        shown.awaits("2 queues")


def test_what_a_job_wrote_is_shown_with_why_and_history(queuectl: Queuectl, jobs: Queue) -> None:
    with top(queuectl) as shown:
        ask_for(shown, "state:completed")
        shown.awaits("fetch done")
        shown.type("enter")

        shown.awaits("all is well")
        assert "Job done is completed" in shown.text
        assert "enqueued" in shown.text


def test_what_a_job_writes_is_seen_while_it_writes(queuectl: Queuectl, queue: Queue, tmp_path: object) -> None:
    gate = f"{tmp_path}/gate"
    queue.enqueue(id="loud", command=f"echo first; while ! test -e {gate}; do sleep 0.1; done; echo second")
    with started(queuectl, "worker", "start", "--quiet"), top(queuectl) as shown:
        shown.awaits(lambda: "loud" in shown.text and "1/1 slots" in shown.text)
        shown.type("tab")
        shown.awaits(lambda: on_row(shown, "loud"))
        shown.type("enter")
        shown.awaits(lambda: "first" in shown.lines)
        open(gate, "w").close()

        shown.awaits(lambda: "second" in shown.lines and "Job loud is completed" in shown.text)


def test_what_a_job_wrote_that_ran_again_between_two_looks_is_shown(queuectl: Queuectl, jobs: Queue) -> None:
    log = jobs.connection.ground.log
    again = Completed(exit_code=0, output=wrote(b"mended\n"))
    with top(queuectl) as shown:
        ask_for(shown, 'error~"device 77"')
        shown.awaits("1 job ")
        shown.type("enter")
        shown.awaits(lambda: "Job bob is dead" in shown.text and "it ended: failed" in shown.text)
        head = log.read("job-bob")[-1].head
        assert head.at is not None
        events = RETRIED_BY_OPERATOR, claimed(attempt=2), again
        log.append([Append(seal("job-bob", head, events, actor="test", now=head.at))])

        shown.awaits(lambda: "Job bob is completed" in shown.text and "mended" in shown.lines)


def test_keys_go_through_the_rows(queuectl: Queuectl, queue: Queue) -> None:
    queue.enqueue_many({"command": "true", "queue": f"q-{number:02}", "priority": 1} for number in range(40))
    queue.status()
    with top(queuectl) as shown:
        shown.awaits(lambda: on_row(shown, "q-"))
        first = shown.reversed_lines[0].split()[0]
        for key, place in (("down", 2), ("end", 40), ("up", 39), ("home", 1), ("pagedown", None), ("home", 1)):
            shown.type(key)
            shown.awaits(lambda place=place: place is None or f"{place} of 40" in shown.text)  # type: ignore[misc]
        assert shown.reversed_lines[0].split()[0] == first


def test_tab_goes_from_pane_to_pane(queuectl: Queuectl, jobs: Queue) -> None:
    with top(queuectl) as shown:
        shown.awaits(lambda: on_row(shown, "mail"))
        shown.type("tab", "tab")
        shown.awaits(lambda: on_row(shown, "no space left on device"))
        shown.type("tab")
        shown.awaits(lambda: on_row(shown, "mail"))


def test_w_shows_workers_and_e_errors_by_kind_with_their_jobs(queuectl: Queuectl, jobs: Queue) -> None:
    with top(queuectl) as shown:
        shown.type("w")
        shown.awaits("No worker is alive: `queuectl worker start` starts some.")
        shown.type("e")
        shown.awaits("1 kind  of the newest 2 failures")
        shown.type("enter")
        shown.awaits(lambda: "2 jobs" in shown.text and "ann" in shown.text and "bob" in shown.text)


def test_where_all_errors_are_ignored_that_is_said(queuectl: Queuectl, jobs: Queue) -> None:
    jobs.ignore_errors(jobs.errors().groups[0].fingerprint)
    with top(queuectl) as shown:
        shown.type("e")
        shown.awaits("1 more ignored")
        shown.awaits("Nothing but what is ignored")
        assert "No job is failed or dead" not in shown.text


def test_the_question_mark_tells_the_keys(queuectl: Queuectl) -> None:
    with top(queuectl) as shown:
        shown.type("?")
        shown.awaits("pause the queue, or have it resumed")
        shown.type("esc")
        shown.awaits("Enter open")


def test_a_filter_is_that_of_list_and_what_is_wrong_with_it_is_told_in_its_line(
    queuectl: Queuectl, jobs: Queue
) -> None:
    with top(queuectl) as shown:
        shown.type("/")
        shown.awaits(ASKED)
        shown.type("state:daed", "enter")
        shown.awaits("'daed' is no state (is dead meant?)")
        shown.type(*["\x7f"] * len("daed"))
        shown.awaits(lambda: "state:" in map(str.strip, shown.lines))
        shown.type("dead queue:mail", "enter")
        shown.awaits(lambda: "2 jobs" in shown.text and "state:dead" in shown.text)
        ask_for(shown, 'error~"device 77"')  # goes on with what is asked for there
        shown.awaits(lambda: "1 job" in shown.text and "bob" in shown.text and "ann" not in shown.text)


def test_s_goes_through_the_orders_shift_s_back_and_shift_i_turns_one_over(queuectl: Queuectl, jobs: Queue) -> None:
    with top(queuectl) as shown:
        shown.awaits("DUE▼")
        for key, order in (("S", "QUEUE▼"), ("s", "DUE▼"), ("s", "OLDEST▼"), ("I", "OLDEST▲"), ("S", "DUE▲")):
            shown.type(key)
            shown.awaits(order)


def test_space_marks_a_row_and_goes_on_and_what_is_marked_is_meant(queuectl: Queuectl, jobs: Queue) -> None:
    with top(queuectl) as shown:
        ask_for(shown, "state:dead")
        shown.awaits(lambda: "send ann" in shown.text and "send bob" in shown.text)
        one, other = ("ann", "bob") if on_row(shown, "ann") else ("bob", "ann")
        shown.type(" ")
        shown.awaits(lambda: "1 marked" in shown.text and on_row(shown, other))
        shown.type("r")
        shown.awaits(f"Retry job {one}?")
        shown.type("esc")
        shown.awaits("Nothing was done.")
        shown.type("up", " ")
        shown.awaits_not("1 marked")


# What it does


def test_p_pauses_a_queue_with_a_reason_and_resumes_it(queuectl: Queuectl, jobs: Queue) -> None:
    with top(queuectl) as shown:
        shown.awaits(lambda: on_row(shown, "mail"))
        shown.type("p")
        shown.awaits("Pause queue mail? 1 job of it waits.")
        shown.type("the server moves", "enter")
        shown.awaits("Queue mail is paused")
        assert [(one.name, one.pause.why) for one in jobs.queues() if one.pause] == [("mail", "the server moves")]
        shown.awaits("1 paused")
        shown.type("p")
        shown.awaits("Resume queue mail?")
        shown.type("enter")
        shown.awaits("Queue mail is resumed")
        assert [one for one in jobs.queues() if one.pause] == []


def test_r_retries_all_of_a_queue_once_it_was_said_how_many(queuectl: Queuectl, jobs: Queue) -> None:
    with top(queuectl) as shown:
        shown.awaits(lambda: on_row(shown, "mail"))
        shown.type("r")
        shown.awaits("Retry 2 jobs of queue mail: 2 dead?")
        shown.type("there is space", "enter")
        shown.awaits("2 jobs are pending again")

    assert jobs.get("ann").state is jobs.get("bob").state is State.PENDING
    assert getattr(jobs.history("ann")[-1].event, "why", None) == "there is space"


def test_esc_does_nothing_of_it(queuectl: Queuectl, jobs: Queue) -> None:
    with top(queuectl) as shown:
        shown.awaits(lambda: on_row(shown, "mail"))
        shown.type("r")
        shown.awaits("Retry 2 jobs")
        shown.type("esc")
        shown.awaits("Nothing was done.")

    assert jobs.get("ann").state is State.DEAD


def test_c_cancels_those_that_are_marked_and_tells_what_was_refused(queuectl: Queuectl, jobs: Queue) -> None:
    with top(queuectl) as shown:
        ask_for(shown, "queue:web")
        shown.awaits("fetch done")
        shown.type("a")
        shown.awaits("2 marked")
        shown.type("c")
        shown.awaits("Cancel 2 jobs?")
        shown.type("enter")
        shown.awaits("1 of 2 jobs are cancelled; 1 job refused, the first: ")
        assert "2 marked" in shown.text

    assert (jobs.get("runs").state, jobs.get("done").state) == (State.CANCELLED, State.COMPLETED)


def test_what_was_marked_for_what_is_done_is_marked_no_more(queuectl: Queuectl, jobs: Queue) -> None:
    with top(queuectl) as shown:
        ask_for(shown, "state:dead")
        shown.awaits("send ann")
        shown.type("a")
        shown.awaits("2 marked")
        shown.type("r")
        shown.awaits("Retry 2 jobs?")
        shown.type("enter")
        shown.awaits("2 jobs are pending again")
        shown.awaits_not("marked")


def test_of_a_kind_of_error_those_alone_are_cancelled_that_have_failed(queuectl: Queuectl, jobs: Queue) -> None:
    with top(queuectl) as shown:
        shown.type("e")
        shown.awaits("1 kind  of the newest 2 failures")
        shown.type("c")
        shown.awaits("No job of the kind ")
        shown.awaits(" is failed.")


def test_what_cannot_be_done_here_is_told(queuectl: Queuectl) -> None:
    with top(queuectl) as shown:
        for key, told in (("p", "no queue to pause"), ("r", "nothing to retry"), ("c", "nothing to cancel")):
            shown.type(key)
            shown.awaits(told)


# How it looks


def test_at_80_columns_and_at_60_what_matters_most_is_there(queuectl: Queuectl, jobs: Queue) -> None:
    jobs.pause_queue("mail")
    with top(queuectl, 80, 24) as shown:
        shown.awaits("PAUSED")
        assert all(title in shown.text for title in ("QUEUE", "DUE", "DEAD", "OLDEST", "PAUSED"))
        shown.resize(60, 24)
        shown.awaits(lambda: FOOT in shown.text and all(one in shown.text for one in ("QUEUE", "DUE", "DEAD", "mail")))
        shown.resize(120, 24)
        shown.awaits(lambda: "WAIT P95" in shown.text)


def test_all_queues_with_a_backlog_are_seen_at_80x24_as_far_as_lines_go(queuectl: Queuectl, queue: Queue) -> None:
    queue.enqueue_many({"command": "true", "queue": f"waits-{number}"} for number in range(10))
    for number in range(20):
        queue.enqueue(id=f"d{number}", command="true", queue=f"idle-{number}")
        died(queue, f"d{number}")
    queue.status()
    with top(queuectl, 80, 24) as shown:
        shown.awaits("30 queues  10 with a backlog")
        assert sum("waits-" in line for line in shown.lines) == 10


def test_on_a_low_terminal_the_pane_of_the_cursor_is_there_alone(queuectl: Queuectl, jobs: Queue) -> None:
    with top(queuectl, 80, 12) as shown:
        shown.awaits(lambda: on_row(shown, "mail"))
        assert "last failures" not in shown.text
        shown.type("tab", "tab")
        shown.awaits(lambda: "last failures" in shown.text and "2 queues" not in shown.text)


def test_without_colours_it_draws_none(queuectl: Queuectl, jobs: Queue) -> None:
    with top(queuectl, NO_COLOR="1") as shown:
        shown.awaits("mail")

        assert shown.colours == set()
    with top(queuectl) as shown:
        shown.awaits("mail")

        assert shown.colours


@pytest.mark.parametrize("term", ["dumb", ""])
def test_where_no_screen_can_be_drawn_it_is_shown_once_and_said_why(queuectl: Queuectl, term: str) -> None:
    with terminal(queuectl, "top", TERM=term) as shown:
        assert shown.ends() == 0

        assert f"It is shown once: on a terminal of TERM={term} no screen is drawn." in shown.text
        assert b"\x1b[?1049h" not in shown.written


def test_a_screen_is_loaded_for_nobody_but_who_sees_one(queuectl: Queuectl) -> None:
    code = "import sys; from eventqueue.cli.main import run; run(['top', '--once']); print('textual' in sys.modules)"
    for words in ("['top', '--once']", "['top']", "['top', '--once', '--json']"):
        done = queuectl.python(code.replace("['top', '--once']", words))
        assert done.splitlines()[-1] == "False"


# Whoever wrote it


@pytest.fixture(scope="module")
def wild_queue(server_uri: str, client: MongoClient[dict[str, object]]) -> Iterator[Queue]:
    """A queue in which every text that others can set would steer a terminal, or looks like markup."""
    with Queue(server_uri, "test_screen_wild") as queue:
        fill(queue, server_uri, 3)
        queue.enqueue(id="markup", command="echo [bold]x[/] [@click=app.quit]y[/] :smile: [red", tags=["[/]"])
        died(queue, "markup", "[/nope] [bold red]on fire[/] \x1b[31m")
        queue.status()
        yield queue
    client.drop_database("test_screen_wild")


@pytest.fixture
def wild(wild_queue: Queue, server_uri: str) -> Queuectl:
    """The same, with its workers alive."""
    register(wild_queue)
    return Queuectl(environ(server_uri, "test_screen_wild"))


MARKUP = "[bold red]on fire[/]"


@pytest.mark.parametrize(
    "way",  # what is seen, and then by turns what is typed and what is seen of it
    [
        (MARKUP,),
        (MARKUP, ("tab", "tab"), MARKUP),
        (MARKUP, ("w",), "AT WORK"),
        (MARKUP, ("e",), "of the newest"),
        (MARKUP, ("e",), "of the newest", ("enter",), "fingerprint:"),
        (MARKUP, ("enter",), "queue:"),
        (MARKUP, ("/",), ASKED, ("state:dead", "enter"), "3 jobs  state:dead"),
        (MARKUP, ("/",), ASKED, ("state:dead", "enter"), "3 jobs  state:dead", ("enter",), "Job markup is dead"),
        (MARKUP, ("/",), ASKED, ("tag:[/]", "enter"), "1 job  tag:[/]", ("enter",), "Job markup is dead"),
        (MARKUP, ("p",), "queue held?"),
        (MARKUP, ("w",), "AT WORK", ("enter",), "No such job."),
    ],
    ids=lambda way: "-".join(key for keys in way[1::2] for key in keys),
)
def test_what_others_wrote_is_text_on_every_screen(wild: Queuectl, way: Sequence[Any]) -> None:
    with top(wild, 160, 50) as shown:
        shown.awaits(way[0])
        for keys, seen in zip(way[1::2], way[2::2], strict=True):
            shown.type(*keys)
            shown.awaits(seen)

        assert not any(line.startswith("✔ forged") for line in shown.lines)
        shown.type("ctrl-c")
        assert shown.ends() == 0, shown.text
        assert shown.foreign == ""


# A database that does not answer


def test_a_database_that_does_not_answer_is_told_and_all_goes_on_when_it_does() -> None:
    with running() as uri, Queue(uri, "test") as queue:
        queue.enqueue(id="one", command="true", queue="mail")
        queue.status()
        pid = int(queue.connection.ground.database.client.admin.command("serverStatus")["pid"])
        with top(Queuectl(environ(uri, "test"))) as shown:
            shown.awaits("mail")
            os.kill(pid, signal.SIGSTOP)
            try:
                shown.awaits("not answering for")
                assert "mail" in shown.text
                shown.type("?")
                shown.awaits("pause the queue, or have it resumed")
                shown.type("esc")
                shown.awaits("1 queue")
            finally:
                os.kill(pid, signal.SIGCONT)
            shown.awaits_not("not answering for")
            queue.enqueue(command="true", queue="later-on")
            queue.status()
            shown.awaits("later-on")
            shown.type("q")
            assert shown.ends() == 0


def test_an_answer_that_was_held_up_puts_the_next_question_off_no_longer_than_any_other() -> None:
    pace = Pace()

    assert [pace.usual(took_s) for took_s in (0.1, 0.1, 60.0, 0.2, 3.0, 4.0)] == [0.0, 0.1, 0.1, 0.2, 0.2, 3.0]


def test_it_ends_at_once_while_the_database_does_not_answer() -> None:
    with running() as uri, Queue(uri, "test") as queue:
        queue.status()
        pid = int(queue.connection.ground.database.client.admin.command("serverStatus")["pid"])
        with top(Queuectl(environ(uri, "test"))) as shown:
            os.kill(pid, signal.SIGSTOP)
            try:
                shown.awaits("not answering for")
                shown.type("q")
                assert shown.ends() == 0
            finally:
                os.kill(pid, signal.SIGCONT)


def test_q_within_an_act_waits_for_what_is_on_its_way_and_says_what_became_of_it() -> None:
    with running() as uri, Queue(uri, "test") as queue:
        queue.enqueue(id="one", command="true", queue="mail")
        queue.status()
        pid = int(queue.connection.ground.database.client.admin.command("serverStatus")["pid"])
        with top(Queuectl(environ(uri, "test"))) as shown:
            shown.awaits(lambda: on_row(shown, "mail"))
            shown.type("c")
            shown.awaits("Cancel 1 job of queue mail")
            os.kill(pid, signal.SIGSTOP)
            try:
                shown.type("enter")
                shown.awaits("working")
                shown.type("q")
                shown.awaits("It ends once the jobs that are on their way are done")
            finally:
                os.kill(pid, signal.SIGCONT)
            assert shown.ends() == 0
            assert b"Job one is cancelled" in shown.written
        assert queue.get("one").state is State.CANCELLED


def test_of_a_job_with_very_many_events_the_newest_alone_are_read(
    queue: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue.enqueue(id="one", command="true")
    for _ in range(4):
        queue.cancel("one")
        queue.retry("one", why="once more")
    whole, why = queue.history("one"), queue.why("one")
    monkeypatch.setattr("eventqueue.cli.screen.job.SHOWN", 3)
    some, asked = queue.history, list[dict[str, int]]()

    def history(job_id: str, **part: int) -> list[Recorded]:
        asked.append(part)
        return some(job_id, last=part.get("last"), before=part.get("before"))

    monkeypatch.setattr(queue, "history", history)

    told = read(queue, "one")

    assert asked == [{"last": 4}, {"before": 2}]
    assert (told.job, told.why) == (fold(whole), why.text)
    assert [(one.before, one.recorded) for one in told.steps] == [*zip(whole[-4:], whole[-3:], strict=False)]


def test_what_was_refused_after_very_many_jobs_in_vain_is_asked_for_ever_more_seldom() -> None:
    said: list[str] = []
    board: Any = SimpleNamespace(top=SimpleNamespace(say=lambda problem, _: said.append(problem)))
    reading = Reading(board, lambda _: None, lambda _: None)
    reading._asked = time.monotonic() - 1000

    for _ in range(2):
        reading._fail("100,000 jobs were looked at that do not fit")

    assert said == ["100,000 jobs were looked at that do not fit"]
    assert reading._next > time.monotonic() + 10  # of a second, as of what takes none
