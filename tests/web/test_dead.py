"""The dead letters: those that failed alike as one group, which can be retried or discarded as one."""

import re
from html import unescape

import httpx
import pytest

from eventqueue.api.queue import Queue
from eventqueue.model.events import Error, Failed, FailReason, stream_of
from eventqueue.model.fingerprint import fingerprint
from eventqueue.web.pages import dead
from tests.builders import DEAD_LETTERED, append, claimed
from tests.web.sites import was_at

HOSTILE = "<img src=x onerror=alert(1)>"
GROUP = re.compile(r'<tr data-key="([0-9a-f]{10})">\n<td class="number"><a href="([^"]+)"><b>(\d+)</b>')


def dies(queue: Queue, job_id: str, message: str, name: str = "mail") -> None:
    queue.enqueue(command="true", id=job_id, queue=name, max_retries=0)
    ground, failed = queue.connection.ground, Failed(reason=FailReason.ERROR, error=Error(type="E", message=message))
    for event in (claimed(), failed, DEAD_LETTERED):
        stream = stream_of("job", job_id)
        head = ground.log.read(stream)[-1].head
        ground.log.append([append(stream, event, head=head, now=ground.clock.now())])


@pytest.fixture
def dead_letters(queue: Queue) -> Queue:
    """Three jobs that died alike, and one that died of something else."""
    for number in range(3):
        dies(queue, f"full-{number}", f"no space on /disk/{number}")
    dies(queue, "odd", HOSTILE, "other")
    return queue


def groups(answer: httpx.Response) -> dict[str, tuple[int, str]]:
    """Return by fingerprint how many there are, and where they are listed."""
    return {of: (int(number), unescape(address)) for of, address, number in GROUP.findall(answer.text)}


def test_those_that_failed_alike_are_one_group_with_its_jobs_behind_a_link(
    dead_letters: Queue, operator: httpx.Client
) -> None:
    page = operator.get("/dead")

    found = groups(page)
    assert [number for number, _ in found.values()] == [3, 1]
    full, odd = found.values()
    assert fingerprint("E: no space on /disk/1") in found
    assert all(one in operator.get(full[1]).text for one in ("full-0", "full-1", "full-2"))
    assert "odd" in operator.get(odd[1]).text
    assert "Dead letters: 4" in page.text
    assert HOSTILE not in page.text
    assert [*groups(operator.get("/dead", params={"sort": "last"}))] == [*found][::-1]


def test_a_group_is_retried_or_discarded_as_one(dead_letters: Queue, operator: httpx.Client) -> None:
    page = operator.get("/dead").text

    links = [unescape(one) for one in re.findall(r'href="(/bulk\?q=[^"]+fingerprint[^"]+)"', page)]
    forms = [operator.get(one).text for one in links]

    assert ["Retry 3 jobs?" in forms[0], "Discard 3 jobs?" in forms[1], "Discard 1 job?" in forms[3]] == [True] * 3


def test_only_those_are_grouped_that_are_asked_for(dead_letters: Queue, viewer: httpx.Client) -> None:
    found = viewer.get("/dead", params={"q": "queue:other"})

    assert [one[0] for one in groups(found).values()] == [1]
    assert "/bulk" not in found.text
    assert "No dead letter fits" in viewer.get("/dead", params={"q": "queue:none"}).text
    wrong = viewer.get("/dead", params={"q": "state:failed"})
    assert (wrong.status_code, dead.ONLY in wrong.text) == (400, True)
    assert viewer.get("/dead", params={"q": "staet:x"}).status_code == 400


def test_of_very_many_the_newest_are_grouped_and_that_is_said(
    dead_letters: Queue, viewer: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dead, "NEWEST", 2)

    part, whole = viewer.get("/dead"), viewer.get("/dead", params={"all": "1"})

    assert "Of the newest 2 dead letters that fit." in part.text
    assert sorted(one[0] for one in groups(part).values()) == [1, 1]
    assert sorted(one[0] for one in groups(whole).values()) == [1, 3]
    assert "Of the newest" not in whole.text


def test_of_a_time_that_is_past_those_are_shown_that_were_dead_then(
    dead_letters: Queue, operator: httpx.Client
) -> None:
    at = was_at(dead_letters, "odd")
    dead_letters.retry("full-1")
    dies(dead_letters, "later", "another")

    then = operator.get("/dead", params={"at": at})

    assert [one[0] for one in groups(then).values()] == [3, 1]
    assert "Dead letters: 4" in then.text
    assert "/bulk" not in then.text
