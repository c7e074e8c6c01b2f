"""The dead letters: those that failed alike as one group, which can be retried or discarded as one."""

import re
from functools import partial
from html import unescape
from itertools import count

import httpx
import pytest

from eventqueue.api.queue import Queue
from eventqueue.model.events import Error, Failed, FailReason, stream_of
from eventqueue.model.fingerprint import fingerprint
from eventqueue.model.ignoring import Known
from eventqueue.web.pages import dead, ignoring
from tests.builders import DEAD_LETTERED, append, claimed
from tests.web.sites import Site, was_at

HOSTILE = "<img src=x onerror=alert(1)>"
GROUP = re.compile(r'<tr data-key="([0-9a-f]{10})">\n<td [^>]*data-label="jobs"><a href="([^"]+)"><b>(\d+)</b>')


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


def test_a_queue_or_an_order_that_there_is_not_is_said_to_be_none(dead_letters: Queue, operator: httpx.Client) -> None:
    dead_letters.enqueue(command="true", queue="well")
    misspelt = operator.get("/dead", params={"q": "queue:mial"}).text
    odd = operator.get("/dead", params={"sort": "<odd>"})

    assert "No queue &#39;mial&#39; ever had a job (is mail meant?)" in misspelt
    assert "There is no order &#39;&lt;odd&gt;&#39;: the most come first." in odd.text
    assert [number for number, _ in groups(odd).values()] == [3, 1]
    for sound in ({"q": "queue:well"}, {"sort": "last"}, {}):
        assert 'class="problem"' not in operator.get("/dead", params=sound).text


def test_a_group_is_retried_or_discarded_as_one(dead_letters: Queue, operator: httpx.Client) -> None:
    page = operator.get("/dead").text

    links = [unescape(one) for one in re.findall(r'href="(/bulk\?q=[^"]+fingerprint[^"]+)"', page)]
    forms = [operator.get(one).text for one in links]

    assert ["Retry 3 jobs?" in forms[0], "Discard 3 jobs?" in forms[1], "Discard 1 job?" in forms[3]] == [True] * 3


def test_a_kind_is_ignored_with_those_to_come_by_whom_and_why_and_heeded_again(
    dead_letters: Queue, operator: httpx.Client, viewer: httpx.Client
) -> None:
    of = fingerprint("E: no space on /disk/1")
    (link,) = re.findall(rf'href="(/dead/ignore\?fingerprint={of})"', operator.get("/dead").text)
    assert "3 failures" in operator.get(link).text

    told = operator.post("/dead/ignore", data={"fingerprint": of, "for": "for a day", "why": "disks are on their way"})
    dies(dead_letters, "full-9", "no space on /disk/9")

    assert f"Errors {of} are ignored for a day" in told.text
    heeded, _, ignored = operator.get("/dead").text.partition("<h2>Ignored</h2>")
    assert (of in heeded, "full-9" in heeded, f'data-key="{of}"' in ignored) == (False, False, True)
    assert all(one in ignored for one in ("<b>4</b>", "disks are on their way", "by <bdi>web/"))
    assert "disks are on their way" in viewer.get("/dead").text
    assert "unignore" not in viewer.get("/dead").text
    assert "disks are on their way" in operator.get("/audit").text
    operator.post("/dead/unignore", data={"fingerprint": of})
    assert [number for number, _ in groups(operator.get("/dead")).values()] == [4, 1]


def test_what_cannot_be_ignored_is_refused_with_a_sentence(dead_letters: Queue, operator: httpx.Client) -> None:
    odd = fingerprint(f"E: {HOSTILE}")
    size = dead_letters.log_size()

    for fields in ({}, {"fingerprint": odd}, {"fingerprint": odd, "for": "ever"}):
        assert operator.post("/dead/ignore", data=fields).status_code == 400
    whole = {"for": "for a day"}
    for of in ("", "0a1b2c3d4e", "<b>", "0A1B2C3D4E", "../../etc", "a" * 100_000):
        assert operator.post("/dead/ignore", data={"fingerprint": of, **whole}).status_code in (400, 413)
        assert operator.post("/dead/unignore", data={"fingerprint": of}).status_code in (200, 400, 413)
        assert operator.get("/dead/ignore", params={"fingerprint": of[:100]}).status_code == 400
    assert dead_letters.log_size() == size
    assert HOSTILE not in operator.get("/dead/ignore", params={"fingerprint": odd}).text


def test_where_a_part_is_looked_at_nothing_is_said_of_what_is_beyond_that(
    dead_letters: Queue, viewer: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    newest = fingerprint(f"E: {HOSTILE}")
    dead_letters.ignore_errors(newest)
    monkeypatch.setattr(dead, "NEWEST", 1)

    part = viewer.get("/dead").text

    assert "Nothing but what is ignored among these: of those before them nothing is known here." in part
    assert "Of the newest 1 dead letters that fit." in part
    for number in range(3):
        dead_letters.retry(f"full-{number}")
    monkeypatch.setattr(dead, "NEWEST", 2)
    assert "Nothing but what is ignored." in viewer.get("/dead").text


def test_who_is_to_ignore_a_kind_is_told_of_which_queues_and_of_how_many(
    dead_letters: Queue, operator: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    of = {"fingerprint": fingerprint("E: no space on /disk/1")}

    whole = operator.get("/dead/ignore", params=of).text

    assert "those of all queues (now of <bdi>" in whole
    assert all(f"<bdi>{queue}</bdi>" in whole for queue in {one.queue for one in dead_letters.list(error="space").jobs})
    assert "The newest" not in whole
    monkeypatch.setattr(ignoring, "NEWEST", 2)
    assert "The newest 2 failures" in operator.get("/dead/ignore", params=of).text


def test_of_a_time_that_is_past_what_was_ignored_then_is(dead_letters: Queue, operator: httpx.Client) -> None:
    of = fingerprint("E: no space on /disk/1")
    dead_letters.ignore_errors(of, why="known")
    dies(dead_letters, "mark", "another")
    at = was_at(dead_letters, "mark")
    dead_letters.unignore_errors(of)

    then = operator.get("/dead", params={"at": at}).text

    assert "known" in then.partition("<h2>Ignored</h2>")[2]
    assert "unignore" not in then
    assert "<h2>Ignored</h2>" not in operator.get("/dead").text


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
    assert part.text.startswith("<!doctype html>")
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


def test_what_is_ignored_can_be_found_and_lifted_where_no_dead_letter_is_left_of_it(
    dead_letters: Queue, operator: httpx.Client
) -> None:
    of = fingerprint(f"E: {HOSTILE}")
    dead_letters.ignore_errors(of, why="known of old")
    dead_letters.cancel("odd")

    page = operator.get("/dead").text
    _, _, ignored = page.partition("<h2>Ignored</h2>")

    assert f'<tr data-key="{of}">\n<td class="number" data-label="jobs">0</td>' in ignored
    assert "known of old" in ignored
    assert HOSTILE not in page
    assert "heeded again" in operator.post("/dead/unignore", data={"fingerprint": of}).text
    assert "<h2>Ignored</h2>" not in operator.get("/dead").text


def test_what_is_ignored_is_read_once_for_all_tabs_whatever_each_asks_for(
    dead_letters: Queue, operator: httpx.Client, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    of, reads, known = fingerprint(f"E: {HOSTILE}"), [0], Queue.known_errors

    def read(queue: Queue) -> Known:
        reads[0] += 1
        return known(queue)

    dead_letters.ignore_errors(of)
    monkeypatch.setattr(Queue, "known_errors", read)
    monkeypatch.setattr(site.house.kept, "_is_watched", lambda: True)
    monkeypatch.setattr(site.house.kept, "_clock", partial(next, count()))  # each look takes a while

    shown = [
        operator.get("/dead", params=one).text for one in ({}, {"q": "queue:mail"}, {"sort": "last"}, {"all": "1"})
    ]

    assert reads == [1]
    assert all("<h2>Ignored</h2>" in one for one in shown)
    operator.post("/dead/unignore", data={"fingerprint": of})
    assert "<h2>Ignored</h2>" not in operator.get("/dead").text  # who did it sees it at once
    assert reads == [2]
