"""What was listed last: its rows by their places, its ids by their ends; and what is longer than the screen."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path
from weakref import WeakSet

import msgspec
import pytest
from msgspec.structs import replace

from eventqueue.api.queue import Queue
from eventqueue.cli.listing import PART, print_jobs
from eventqueue.cli.output import Output
from eventqueue.cli.session import Session
from eventqueue.errors import AmbiguousId, JobNotFound
from eventqueue.model.codec import seal
from eventqueue.model.ends import LEAST
from eventqueue.model.events import EMPTY
from eventqueue.model.job import Job
from eventqueue.ports.log import Append
from tests.cli.commands import Queuectl, is_one_sentence
from tests.cli.emulated import terminal
from tests.cli.terminals import Line, on_terminal, on_terminals

MANY = 60


@pytest.fixture
def plain(queuectl: Queuectl, tmp_path: Path) -> Queuectl:
    return queuectl.with_environ(NO_COLOR="1", TERM="dumb", XDG_STATE_HOME=str(tmp_path))


def shown(queuectl: Queuectl, *lines: str) -> list[str]:
    return [text for _, text in on_terminals(queuectl, [Line(tuple(line.split()), 100) for line in lines])]


def test_a_row_of_the_last_list_is_known_by_its_place(plain: Queuectl, queue: Queue) -> None:
    for name in ("first", "second"):
        queue.enqueue(id=name, command="true")

    listed, one, two, none = shown(plain, "list --sort queue", "show @1", "cancel @2 @1", "show @3")

    ids = [line.split()[1] for line in listed.splitlines()[1:3]]
    assert [line.split()[0] for line in listed.splitlines()[:3]] == ["@", "1", "2"]
    assert one.splitlines()[0].split() == ["id", ids[0]]
    assert [line.split()[2] for line in two.splitlines()] == [ids[1], ids[0]]
    assert "no row @3: they are @1 to @2" in none


def test_why_a_text_is_the_end_of_no_id_is_told(queuectl: Queuectl, queue: Queue) -> None:
    job = queue.enqueue(command="true")

    short, other = queuectl.process("show", job.id[-7:]), queuectl.process("show", "00000000f")
    assert is_one_sentence(short)
    assert is_one_sentence(other)
    assert "counts from 8 characters on" in short.err
    assert "none of the newest 20,000 has an id that ends so" in other.err
    assert "ends" not in queuectl.process("show", "report").err


def test_a_place_without_a_list_is_refused(plain: Queuectl, queue: Queue) -> None:
    queue.enqueue(id="a", command="true")

    (refused,) = shown(plain, "show @1")
    assert "No job was listed on this terminal yet" in refused


def test_the_list_of_another_database_or_terminal_is_not_meant(plain: Queuectl, queue: Queue) -> None:
    queue.enqueue(id="a", command="true")
    listed = on_terminal(plain, "list")

    assert "1" in listed.splitlines()[1]
    assert "No job was listed" in on_terminal(plain.with_environ(QUEUECTL_DB="test_other"), "show", "@1", "--quiet")
    # The same terminal: the leader of this session is ours.
    assert "id           a" in on_terminal(plain, "show", "@1")


def test_what_is_kept_is_for_its_owner_alone_and_only_of_what_a_person_saw(
    plain: Queuectl, queue: Queue, tmp_path: Path
) -> None:
    queue.enqueue(id="a", command="true")
    plain.ok("list")
    assert list(tmp_path.iterdir()) == []

    on_terminal(plain, "list")

    (file,) = [one for one in tmp_path.rglob("*") if one.is_file()]
    assert stat.S_IMODE(os.stat(file).st_mode) == 0o600
    assert file.read_text() == "a\n"


def test_a_list_is_shown_where_nothing_can_be_kept(plain: Queuectl, queue: Queue, tmp_path: Path) -> None:
    queue.enqueue(id="a", command="true")
    (tmp_path / "queuectl").write_text("in the way")

    assert "pending" in on_terminal(plain, "list")


def test_an_id_is_shown_by_its_end_on_a_terminal_and_taken_so_anywhere(plain: Queuectl, queue: Queue) -> None:
    job = queue.enqueue(command="true").id
    queue.status()  # who looks first builds the views
    end = job[-LEAST:]

    assert end in on_terminal(plain, "list")
    assert job not in on_terminal(plain, "list")
    assert job in plain.ok("list").out
    assert plain.ok("show", end, "--json").json["id"] == job
    assert plain.ok("cancel", end, "--quiet").code == 0
    assert queue.resolve(end) == queue.resolve(job[:30]) == job


def test_an_end_that_several_have_is_refused_with_their_names(queue: Queue) -> None:
    end = "71ffb7cc"
    ids = [f"01a2259b-79af-72a2-8e4{n}-772b{end}" for n in range(2)]
    queue.enqueue_many({"id": one, "command": "true"} for one in ids)
    queue.status()

    with pytest.raises(AmbiguousId) as refused:
        queue.resolve(end)
    assert all(one in str(refused.value) for one in ids)
    queue.enqueue(id=end, command="true")
    assert queue.resolve(end) == end  # which is somebody's whole id
    with pytest.raises(JobNotFound):
        queue.resolve("1ffb7cc")  # too short to be an end


def test_a_beginning_that_is_anothers_end_is_ambiguous(queue: Queue) -> None:
    queue.enqueue(id="71ffb7cc-79af-72a2-8e40-772b00000000", command="true")
    queue.enqueue(id="01a2259b-79af-72a2-8e40-772b71ffb7cc", command="true")
    queue.status()

    with pytest.raises(AmbiguousId):
        queue.resolve("71ffb7cc")


def test_who_types_the_whole_id_of_a_job_means_no_other_that_was_listed(plain: Queuectl, queue: Queue) -> None:
    for name in ("20261129", "report-20261129"):
        queue.enqueue(id=name, command="true", queue=name)

    _, chosen = shown(plain, "list --queue report-20261129", "show 20261129 --json")

    assert '"id": "20261129"' in chosen


def test_what_begins_as_one_that_was_listed_and_ends_as_another_is_not_guessed(plain: Queuectl, queue: Queue) -> None:
    queue.enqueue(id="71ffb7cc-79af-72a2-8e40-772b00000000", command="true")
    queue.enqueue(id="01a2259b-79af-72a2-8e40-772b71ffb7cc", command="true")

    _, refused = shown(plain, "list", "show 71ffb7cc")

    assert "fits several jobs" in refused


def test_an_id_that_a_hand_has_made_moves_no_other_from_its_place(plain: Queuectl, queue: Queue) -> None:
    queue.enqueue(id="a", command="true", queue="a")
    log, now = queue.connection.ground.log, queue.connection.ground.clock.now()
    begun = msgspec.structs.replace(queue.history("a")[0].event, queue="hand")
    log.append([Append(seal("job-two words\nlines", EMPTY, [begun], actor="hand", now=now))])

    listed, chosen = shown(plain, "list --sort queue", "show @1 --json")
    last, third = shown(plain, "show @2", "show @3")

    assert len(listed.splitlines()) == 3
    assert '"id": "a"' in chosen
    assert "No job" in last
    assert "no row @3" in third


def test_only_lists_of_terminals_long_gone_are_cleared_away(plain: Queuectl, queue: Queue, tmp_path: Path) -> None:
    queue.enqueue(id="a", command="true")
    place, others = tmp_path / "queuectl", tmp_path / "others"
    others.mkdir()
    place.mkdir()
    (place / "listed").symlink_to(others)
    old, thesis = others / "1-2-0123456789abcdef", others / "thesis.txt"
    for one in (old, thesis):
        one.write_text("old")
        os.utime(one, (0, 0))

    on_terminal(plain, "list")

    assert thesis.exists()
    assert not old.exists()


@pytest.fixture
def long(queuectl: Queuectl, queue: Queue, tmp_path: Path) -> Queuectl:
    """A list that is longer than the screen, and a pager that marks what it is given."""
    queue.enqueue_many({"command": "true", "id": f"job-{number}"} for number in range(MANY))
    queue.status()
    return queuectl.with_environ(XDG_STATE_HOME=str(tmp_path), QUEUECTL_PAGER="sed s/^/paged:/")


def test_what_is_longer_than_the_screen_is_shown_in_a_pager(long: Queuectl) -> None:
    assert on_terminal(long, "list").count("paged:") == 51
    assert "paged:" not in on_terminal(long, "list", "--limit", "5")
    assert "paged:" not in on_terminal(long, "list", "--no-pager")
    assert "paged:" not in on_terminal(long.with_environ(TERM="dumb"), "list")
    assert "paged:" not in long.process("list").out
    assert "paged:" in on_terminal(long.with_environ(PAGER="sed s/^/no:/"), "events")  # ours goes first


def test_under_sudo_a_pager_is_asked_to_run_nothing(long: Queuectl, tmp_path: Path) -> None:
    pager = tmp_path / "pager"
    pager.write_text("#!/bin/sh\ncat > /dev/null; echo secure: ${LESSSECURE:-no}\n")
    pager.chmod(0o700)
    asked = long.with_environ(QUEUECTL_PAGER=str(pager))

    assert "secure: 1" in on_terminal(asked.with_environ(SUDO_UID="1000"), "list")
    assert "secure: no" in on_terminal(asked, "list")


def test_a_pager_that_is_not_there_is_a_note_and_the_list_is_shown(long: Queuectl) -> None:
    assert "There is no pager 'no-such-pager'" in on_terminal(long.with_environ(QUEUECTL_PAGER="no-such-pager"), "list")
    assert on_terminal(long.with_environ(QUEUECTL_PAGER="no-such-pager"), "list").count("job-") == 50


def test_a_pager_that_cannot_be_run_is_a_note_and_the_list_is_shown(long: Queuectl, tmp_path: Path) -> None:
    (tmp_path / "pager").write_bytes(b"\x00 is no program")
    (tmp_path / "pager").chmod(0o700)

    text = on_terminal(long.with_environ(QUEUECTL_PAGER=str(tmp_path / "pager")), "list")

    assert "cannot be run (Exec format error)" in text
    assert text.count("job-") == 50


def test_who_leaves_the_pager_early_is_shown_no_error(long: Queuectl) -> None:
    code, text = on_terminals(long.with_environ(QUEUECTL_PAGER="head -1"), [Line(("list", "-n", str(MANY)))])[0]

    assert code == 0
    assert "ID" in text
    assert "Traceback" not in text
    assert "Broken" not in text


def test_what_is_followed_goes_through_no_pager(long: Queuectl) -> None:
    with terminal(long, "events", "--follow", "-n", "50") as shown:
        shown.awaits("enqueued")
        shown.type("ctrl-c")
        shown.ends()

        assert b"paged:" not in shown.written


class Held(str):
    """An id of which it can be told whether anybody still has it."""

    __slots__ = ("__weakref__",)


def test_of_a_list_that_goes_into_a_pipe_no_id_is_kept(
    queuectl: Queuectl, queue: Queue, capsys: pytest.CaptureFixture[str]
) -> None:
    one = queue.get(queue.enqueue(command="true").id)
    there: WeakSet[Held] = WeakSet()
    most = 0

    def jobs() -> Iterator[Job]:
        nonlocal most
        for number in range(10 * PART):
            held = Held(f"job-{number}")
            there.add(held)
            most = max(most, len(there))
            yield replace(one, id=held)

    print_jobs(Session(None, queuectl.environ["QUEUECTL_DB"], Output(as_json=False, quiet=False)), queue, jobs())

    assert len(capsys.readouterr().out.splitlines()) == 10 * PART + 1
    assert most <= 4 * PART
