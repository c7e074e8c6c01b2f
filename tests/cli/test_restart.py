"""`queuectl restart`."""

import json
import re
from pathlib import Path

import pytest

from eventqueue.api.queue import Queue
from tests.cli.commands import Queuectl
from tests.cli.past import completed, died


@pytest.fixture
def over(queuectl: Queuectl, queue: Queue) -> Queuectl:
    """A job that is dead, with an environment."""
    queuectl.ok("enqueue", "--id", "one", "--timeout", "9", "--env", "A=hush", "--tag", "red", "--", "true")
    died(queue, "one")
    return queuectl


def test_the_new_job_and_the_old_one_name_each_other_wherever_they_are_shown(over: Queuectl, queue: Queue) -> None:
    said = over.ok("restart", "one", "--priority", "7", "--why", "the disk is mended").out

    (new,) = queue.restarts("one")
    assert said == f"✔ Job one is restarted as {new}\n"
    assert f"restarted as {new}" in " ".join(over.ok("show", "one").out.split())
    assert "restart of one" in " ".join(over.ok("show", new).out.split())
    assert f"It was restarted as job {new}." in " ".join(over.ok("why", "one").out.split())
    assert "a restart of one; the disk is mended" in " ".join(over.ok("history", new).out.split())
    assert f"It was restarted as {new}." in over.ok("history", "one").err
    assert json.loads(over.ok("show", "one", "--json").out)["restarted_as"] == [new]
    assert json.loads(over.ok("show", new, "--json").out)["restart_of"] == "one"
    assert "hush" not in over.ok("history", new, "--json").out


def test_to_ask_again_says_which_job_it_is_and_how_to_have_a_further_one(over: Queuectl, queue: Queue) -> None:
    over.ok("restart", "one")
    (new,) = queue.restarts("one")

    again = over.ok("restart", "one")
    assert (again.out, again.err) == ("", f"! Job one was restarted already, as {new}: it is pending\n")

    completed(queue, new)
    ended = over.ok("restart", "one").err
    assert "it completed at" in ended
    assert f"`queuectl restart {new}` makes a further one" in ended
    other = over.process("restart", "one", "--priority", "3")
    assert other.code == 1
    assert f"was restarted already, as {new}, with another 'priority'" in other.err


def test_of_several_each_that_is_refused_is_named_and_the_others_are_restarted(over: Queuectl, queue: Queue) -> None:
    over.ok("enqueue", "--id", "waits", "--", "true")

    said = over.process("restart", "waits", "nobody", "one", "--json")

    assert said.code == 1
    waits, nobody, one = said.json
    assert waits["error"].startswith("Cannot restart job waits: it is pending; `queuectl set` changes it")
    assert "nobody" in nobody["error"]
    assert (one["restart_of"], one["created"], one["state"]) == ("one", True, "pending")


def test_all_that_fit_are_restarted_as_one_act_that_the_new_jobs_name(over: Queuectl, queue: Queue) -> None:
    over.ok("enqueue", "--id", "two", "--tag", "red", "--", "true")
    died(queue, "two")
    over.ok("enqueue", "--id", "gone", "--tag", "red", "--", "true")
    over.ok("cancel", "gone")

    said = over.ok("restart", "tag:red", "--queue", "urgent", "--yes", "--why", "the disk is mended").out

    found = re.fullmatch(r"✔ 2 jobs are restarted \(act (\S+)\)\n", said)
    assert found is not None
    (new,) = queue.restarts("two")
    assert queue.get(new).queue == "urgent"
    assert queue.restarts("gone") == []
    assert over.ok("history", new, "--json").json[0]["data"]["act"] == found[1]
    assert f"a restart of job two with others (act {found[1]}) (the disk is mended)" in over.ok("why", new).out.replace(
        "\n", " "
    )
    assert (queue.act(found[1]).what, queue.act(found[1]).filter) == ("restart", "state:dead tag:red")
    again = over.ok("restart", "tag:red", "--queue", "urgent", "--yes").out
    assert again.startswith("✔ 0 of 2 jobs are restarted, 2 were so already")


def test_quietly_the_new_id_is_all_that_is_said(over: Queuectl, queue: Queue) -> None:
    assert over.ok("restart", "one", "--quiet").out.split() == [*queue.restarts("one")]


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("one", "--queue", "no such"), "--queue: may hold letters"),
        (("one", "--unset", "queue"), "--unset: queue cannot be empty"),
        (("one", "two", "--edit"), "--edit is of one job"),
        (("one", "--edit", "--priority", "3"), "goes with no other change"),
        ((), "Give the jobs' ids, or conditions such as queue:mail, or --all"),
    ],
)
def test_what_cannot_be_asked_of_any_job_is_wrong_usage(over: Queuectl, args: tuple[str, ...], said: str) -> None:
    ran = over.process("restart", *args)

    assert ran.code == 2
    assert said in ran.err


# In an editor


def editor(tmp_path: Path, script: str) -> dict[str, str]:
    """An editor that does this to the file `$1`."""
    path = tmp_path / "editor"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o700)
    return {"EDITOR": f"{path}", "VISUAL": "", "TMPDIR": str(tmp_path)}


def left(tmp_path: Path) -> list[Path]:
    return sorted(tmp_path.glob("queuectl-restart-*"))


def test_what_is_changed_in_an_editor_is_otherwise_in_the_new_job(over: Queuectl, queue: Queue, tmp_path: Path) -> None:
    script = """grep -q '"A": "hush"' "$1" && test "$(stat -c %a "$1")" = 600 || exit 9
    echo '{"command": "make", "env": {"B": "2"}, "queue": "mail", "priority": 0, "max_retries": 3, "tags": []}' >"$1"
    """
    over.with_environ(**editor(tmp_path, script)).process("restart", "one", "--edit")

    (new,) = queue.restarts("one")
    job = queue.get(new)
    assert (job.run.command, job.run.env, job.queue) == ("make", {"B": "2"}, "mail")  # type: ignore[union-attr]
    assert (job.timeout, job.tags) == (None, ())
    assert left(tmp_path) == []


@pytest.mark.parametrize(
    ("script", "said", "kept"),
    [
        ("true", "Nothing was changed, and nothing done", 0),
        (': >"$1"', "Nothing was changed, and nothing done", 0),
        ("exit 3", "ended with exit code 3: nothing was done", 0),
        ("echo '{' >\"$1\"", "The text is no valid JSON", 1),
        ("echo '[]' >\"$1\"", "The text is no JSON object", 1),
        ('sed -i s/priority/prioriti/ "$1"', "prioriti: is no field of a job (is priority meant?)", 1),
        ("""sed -i 's/"priority": 0/"priority": "high"/' "$1" """, "priority: expected a whole number", 1),
        ("""sed -i '/"queue"/d' "$1" """, "queue cannot be empty", 1),
        ("""printf '\\377' >"$1" """, "The text is no UTF-8", 1),
    ],
)
def test_what_is_not_changed_or_is_no_job_does_nothing_and_keeps_what_was_typed(
    over: Queuectl, queue: Queue, tmp_path: Path, script: str, said: str, kept: int
) -> None:
    ran = over.with_environ(**editor(tmp_path, script)).process("restart", "one", "--edit")

    assert ran.code == 1
    assert said in ran.err
    assert queue.restarts("one") == []
    files = left(tmp_path)
    assert len(files) == kept
    assert all(f"the text is kept in {path}" in ran.err for path in files)


def test_an_editor_that_is_not_there_is_named(over: Queuectl, tmp_path: Path) -> None:
    ran = over.with_environ(**{**editor(tmp_path, ""), "EDITOR": "no-such-editor"}).process("restart", "one", "--edit")

    assert ran.code == 1
    assert "The editor 'no-such-editor' cannot be run" in ran.err
    assert left(tmp_path) == []


@pytest.mark.parametrize("name", ["'vi", "vi 'x"])
def test_an_editor_that_is_no_command_is_named(over: Queuectl, tmp_path: Path, name: str) -> None:
    ran = over.with_environ(**{**editor(tmp_path, ""), "EDITOR": name}).process("restart", "one", "--edit")

    assert ran.code == 1
    assert "cannot be run (a quotation mark is never closed)" in ran.err
    assert left(tmp_path) == []


def test_blanks_are_no_editor(over: Queuectl, tmp_path: Path) -> None:
    ran = over.with_environ(**{**editor(tmp_path, "exit 9"), "VISUAL": " "}).process("restart", "one", "--edit")

    assert "ended with exit code 9" in ran.err


def test_an_editor_that_takes_the_text_away_is_told_of(over: Queuectl, tmp_path: Path) -> None:
    ran = over.with_environ(**editor(tmp_path, 'rm "$1"')).process("restart", "one", "--edit")

    assert ran.code == 1
    assert "left no text to read (No such file or directory): nothing was done" in ran.err


def test_what_others_wrote_steers_no_editor_and_comes_back_as_it_was(
    over: Queuectl, queue: Queue, tmp_path: Path
) -> None:
    evil = "echo \u202e\x9b2J\x1b]52;c;eA==\x07"
    queue.enqueue(id="evil", command=evil)
    queue.cancel("evil")
    script = f"""cp "$1" {tmp_path}/seen; sed -i 's/"priority": 0/"priority": 3/' "$1" """

    over.with_environ(**editor(tmp_path, script)).process("restart", "evil", "--edit")

    assert (tmp_path / "seen").read_text().replace("\n", "").isprintable()
    (new,) = queue.restarts("evil")
    assert queue.get(new).run.command == evil  # type: ignore[union-attr]


def test_no_editor_is_opened_for_what_cannot_be_restarted(over: Queuectl, tmp_path: Path) -> None:
    over.ok("enqueue", "--id", "waits", "--", "true")
    over.ok("restart", "one")
    opened = over.with_environ(**editor(tmp_path, f"touch {tmp_path}/opened; exit 9"))

    waits, again = (opened.here("restart", job_id, "--edit") for job_id in ("waits", "one"))

    assert (waits.code, again.code) == (1, 1)
    assert "Cannot restart job waits: it is pending" in waits.err
    assert "Job one was restarted already, as " in again.err
    assert not (tmp_path / "opened").exists()
