"""A job that is enqueued from its page: as it was asked for, once, by who asks; what is wrong is told."""

import re
from datetime import timedelta
from html import unescape
from typing import Any

import httpx
import pytest

from eventqueue.api.queue import Queue
from eventqueue.errors import LogUnavailable
from eventqueue.model.events import Call, Shell
from tests.web.sites import is_now

SECRET = "hunter2"


def id_in(answer: httpx.Response) -> str:
    (found,) = re.findall(r'name="id" value="([^"]+)"', answer.text)
    return str(found)


def typed_in(answer: httpx.Response) -> dict[str, str]:
    """Return what stands in the fields of the form."""
    inputs = re.findall(r'<input id="field-(\w+)"[^>]* value="([^"]*)"', answer.text)
    areas = re.findall(r'<textarea id="field-(\w+)"[^>]*>\n(.*?)</textarea>', answer.text, re.DOTALL)
    return {name: unescape(text) for name, text in [*inputs, *areas] if text}


def test_what_is_asked_for_is_one_job_however_often_it_is_sent(queue: Queue, operator: httpx.Client) -> None:
    assert 'href="/enqueue"' in operator.get("/jobs").text
    asked = {"id": id_in(operator.get("/enqueue")), "command": "echo 1\r\n\techo 2", "cwd": "/srv", "queue": "mail"}
    asked |= {"priority": "7", "tags": "red, very blue", "timeout": "10m", "max_retries": "0"}

    first, again = (operator.post("/enqueue", data=asked) for _ in range(2))

    (job,) = queue.list()
    assert (first.status_code, first.url.path) == (200, f"/jobs/{job.id}")
    assert f"Job added: {job.id}" in first.text
    assert "was added already" in again.text
    assert job.run == Shell(command="echo 1\n\techo 2", cwd="/srv")
    assert (job.queue, job.priority, job.tags) == ("mail", 7, ("red", "very blue"))
    assert (job.timeout, job.max_retries) == (600, 0)
    assert queue.history(job.id)[0].actor.startswith("web/")

    first, again = (
        operator.post("/enqueue", data={"id": "later", "command": "true", "run_at": "1h"}) for _ in range(2)
    )
    later = queue.get("later")
    assert later.run_at > later.created_at + timedelta(minutes=59)
    assert first.url.path == again.url.path == "/jobs/later"
    assert "Job later was added already" in again.text

    # What sorts behind the time is another job all the same: nothing of a form is dropped without a word.
    for more in ({"tags": "red"}, {"timeout": "9"}, {"command": "", "task": "shop:send"}):
        other = operator.post("/enqueue", data={"id": "later", "command": "true", "run_at": "2h", **more})
        assert "became job later already" in other.text, more
        assert id_in(other) != "later"


def test_a_form_of_which_it_is_unknown_what_became_can_be_sent_again(
    queue: Queue, operator: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = {"id": "one", "command": "echo <b>", "queue": "mail"}

    def unknown(*_: object) -> None:
        raise LogUnavailable("Whether job one is added is unknown.")

    with monkeypatch.context() as patched:
        patched.setattr(Queue, "enqueue", unknown)
        answer = operator.post("/enqueue", data=asked)

    assert answer.status_code == 503
    assert "Whether job one is added is unknown." in answer.text
    assert {"id": id_in(answer), **typed_in(answer)} == asked
    assert operator.post("/enqueue", data=asked).url.path == "/jobs/one"
    assert len(queue.list()) == 1


def test_what_is_wrong_is_said_and_what_was_typed_is_still_there(queue: Queue, operator: httpx.Client) -> None:
    for wrong, told in (
        ({"task": "shop:send", "args": '["<b>", }'}, "args: cannot be"),
        ({"task": "shop:send", "args": "[" * 20_000}, "args: cannot be"),
        ({"task": "shop:send", "kwargs": "[1]"}, "kwargs"),
        ({"task": "shop:send", "command": "a\tb"}, "command"),
        ({"command": "true", "queue": "-x"}, "queue"),
        ({"priority": "high"}, "priority"),
        ({}, "command"),
    ):
        asked = {"id": "one", **wrong}
        answer = operator.post("/enqueue", data=asked)

        assert answer.status_code == 400
        assert told in unescape(re.findall(r'<p class="problem" role="alert">(.*?)</p>', answer.text)[0])
        assert typed_in(answer) == wrong
        assert id_in(answer) == "one"
    assert not queue.list()

    asked = {"id": "one", "task": "shop:send", "args": '["ann"]', "kwargs": '{"n": 7}'}
    assert operator.post("/enqueue", data=asked).url.path == "/jobs/one"
    assert queue.get("one").run == Call(task="shop:send", args=["ann"], kwargs={"n": 7})
    other = operator.post("/enqueue", data={**asked, "args": '["bob"]'})
    assert "became job one already" in other.text
    assert id_in(other) != "one"


def test_where_it_is_not_known_whether_it_is_there_the_same_form_asks_again(
    queue: Queue, operator: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    enqueue = Queue.enqueue

    def lost(self: Queue, *args: Any, **fields: Any) -> None:
        enqueue(self, *args, **fields)
        raise LogUnavailable("It is unknown whether it was added.")

    with monkeypatch.context() as lossy:
        lossy.setattr(Queue, "enqueue", lost)
        answer = operator.post("/enqueue", data={"id": "one", "command": "make all"})
    again = operator.post("/enqueue", data={"id": id_in(answer), **typed_in(answer)})

    assert answer.status_code == 503
    assert "It is unknown whether it was added. To send this form again is safe" in answer.text
    assert "was added already" in again.text
    assert [job.id for job in queue.list()] == ["one"]


def test_a_job_like_another_begins_with_what_that_is_but_for_what_may_be_secret(
    queue: Queue, operator: httpx.Client
) -> None:
    queue.enqueue(
        id="one",
        command="make <all>\n\tx",
        env={"TOKEN": SECRET},
        cwd="/srv",
        queue="mail",
        timeout=90,
        tags=["a", "b"],
    )
    queue.enqueue(id="two", task="shop:send", args=["\u202e"], kwargs={"n": [1]})
    queue.enqueue(id="odd", command="echo \u202e", cwd="/s\u202erv", tags=["a,b"])
    queue.enqueue(id="long", command="true", timeout=30 * 86_400)
    queue.enqueue(id="short", command="true", timeout=0.000_01)

    one, two, odd = (operator.get("/enqueue", params={"like": name}) for name in ("one", "two", "odd"))

    assert 'href="/enqueue?like=one"' in operator.get("/jobs/one").text
    assert typed_in(one)["command"] == "make <all>\n\tx"
    assert typed_in(one)["cwd"] == "/srv"
    assert (typed_in(one)["queue"], typed_in(one)["timeout"], typed_in(one)["tags"]) == ("mail", "90s", "a, b")
    assert SECRET not in one.text
    assert (typed_in(two)["task"], typed_in(two)["kwargs"]) == ("shop:send", '{"n":[1]}')
    operator.post("/enqueue", data={"id": "three", **typed_in(two)})
    assert queue.get("three").run == queue.get("two").run
    assert typed_in(odd).keys().isdisjoint({"command", "cwd", "tags"})
    assert "left empty: Command, Directory, Tags." in odd.text
    for name in ("long", "short"):
        like = typed_in(operator.get("/enqueue", params={"like": name}))
        assert operator.post("/enqueue", data={"id": f"{name}-again", **like}).status_code == 200
        assert queue.get(f"{name}-again").timeout == queue.get(name).timeout
    assert operator.get("/enqueue", params={"like": "nobody"}).status_code == 404


def test_what_would_come_back_from_the_form_as_another_thing_is_left_empty_and_named(
    queue: Queue, operator: httpx.Client
) -> None:
    kept: list[dict[str, Any]] = [{"timeout": 1234567}, {"timeout": 123456.7}, {"timeout": 1e-7}, {"command": "\n a\n"}]
    for number, fields in enumerate(kept):
        queue.enqueue(id=f"kept-{number}", **{"command": "true", **fields})
        form = operator.get("/enqueue", params={"like": f"kept-{number}"})
        operator.post("/enqueue", data={"id": f"new-{number}", **typed_in(form)})

        old, new = queue.get(f"kept-{number}"), queue.get(f"new-{number}")
        assert new.timeout == old.timeout
        assert new.run.text == old.run.text.strip()

    odd: list[tuple[str, Any]] = [("tags", ["a,b"]), ("tags", [" a"]), ("tags", ["\u202ea"])]
    odd += [("cwd", "/a\nb"), ("cwd", "/a "), ("command", "a\rb"), ("command", "a\r\nb")]
    labels = {"tags": "Tags", "cwd": "Directory", "command": "Command"}
    for number, (name, value) in enumerate(odd):
        queue.enqueue(id=f"odd-{number}", **{"command": "true", name: value})
        form = operator.get("/enqueue", params={"like": f"odd-{number}"})

        assert name not in typed_in(form), value
        assert f"left empty: {labels[name]}." in form.text


def test_who_may_only_look_and_who_looks_at_the_past_is_offered_none(
    queue: Queue, viewer: httpx.Client, operator: httpx.Client
) -> None:
    queue.enqueue(id="one", command="true")
    at = is_now(queue)

    assert viewer.get("/enqueue").status_code == 422
    assert viewer.post("/enqueue", data={"command": "true"}).status_code == 403
    assert operator.get("/enqueue", params={"at": at}).status_code == 422
    for shown in (viewer.get("/jobs"), viewer.get("/jobs/one"), operator.get("/jobs/one", params={"at": at})):
        assert "/enqueue" not in shown.text
    assert len(queue.list()) == 1


def test_the_arguments_of_a_task_are_shown_whole(queue: Queue, viewer: httpx.Client) -> None:
    queue.enqueue(id="one", task="shop:send", args=["x" * 500], kwargs={"order": {"id": 7}})
    queue.enqueue(id="two", task="shop:send", args=["x" * 5000])

    one, two = (unescape(viewer.get(f"/jobs/{name}").text) for name in ("one", "two"))

    assert f'"{"x" * 500}"\norder = {{\n  "id": 7\n}}' in one
    assert "and 1,002 more characters: <code>queuectl show two --json</code>" in two
