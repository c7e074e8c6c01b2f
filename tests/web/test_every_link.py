"""Every link of every page, over a database of which every text is hostile: it leads to a page, and steers nothing."""

import re
from html.parser import HTMLParser
from urllib.parse import parse_qsl, urljoin, urlsplit

import httpx
import pytest
from starlette.routing import Route

from eventqueue.api.queue import Queue
from tests.cli.hostile import HOSTILE, fill, tamper
from tests.web.sites import Site

SECRET = "of the environment alone"
MARKUP = "<script>window.hacked = 1</script>'\"><img src=x onerror=hacked()>\\"
STEERS = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\U000e0001]"
)
NOT_FOLLOWED = ("/live", "/bulk", "/dead/ignore")  # the latter two of nothing
FILES = ("/output/", "/history.jsonl")
NOT_THERE = (404, 422)  # by then, or a worker that was only ever written into the log


class Links(HTMLParser):
    """What a page leads to, loads and sends, and by which attributes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.hrefs: list[str] = []
        self.others: list[str] = []
        self.attributes: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            self.attributes.add(name)
            if name in ("href", "src", "action", "formaction", "data-url", "data-follow"):
                (self.hrefs if tag == "a" else self.others).append(value or "")


@pytest.fixture
def furnished(queue: Queue, server_uri: str) -> Queue:
    fill(queue, server_uri, 5)
    tags = [MARKUP, 'a "b', "c\\", "state:dead", '"']
    job = {"command": f"echo {MARKUP}", "tags": tags, "env": {"PASSWORD": SECRET}}
    queue.enqueue(job, id="markup", meta={MARKUP: MARKUP}, group=MARKUP, correlation=MARKUP)
    queue.amend("markup", HOSTILE, env={"PASSWORD": f"{SECRET}, too"})
    queue.enqueue(key=MARKUP, task="pkg:x", args=[MARKUP, HOSTILE], kwargs={"k": MARKUP})
    queue.schedule("secret", job, cron="* * * * *", why=MARKUP)
    queue.trigger_schedule("secret", MARKUP)
    queue.pause_queue("default", MARKUP)
    queue.cancel("wild", HOSTILE)
    list(queue.cancel_many(["held-1", "held-2"], HOSTILE))
    queue.restart("wild", HOSTILE)
    queue.status()
    tamper(queue)
    return queue


def kind_of(url: str) -> object:
    """Return what links have in common that are made by the same place of a template."""
    path, query = urlsplit(url).path, dict(parse_qsl(urlsplit(url).query))
    first, _, rest = path[1:].partition("/")
    how = rest.rpartition("/")[2] if "/" in rest else bool(rest)
    fields = re.findall(r"(?:^| )(\w+):", query.get("q", ""))
    return first, how, (*sorted({*query} - {"sort", "span"}),), fields[0] if fields else None


def wrong_in(url: str, answer: httpx.Response) -> list[str]:
    """Return what a page must not have."""
    text, links = answer.text, Links(answer.text)
    found = [f"{answer.status_code} of {url}"] if answer.status_code >= 400 else []
    is_past = "at=" in url
    if answer.status_code in NOT_THERE and (is_past or url.startswith("/workers/")):
        found = []
    found += [f"{one.group()!r} in {url}" for one in STEERS.finditer(text)]
    found += [f"{one!r} in {url}" for one in ("<script>", SECRET) if one in text]
    found += [f"{one} in {url}" for one in links.attributes if one.startswith("on") or one == "style"]
    addresses = [*(one for one in links.hrefs if one[:1] != "#"), *links.others]
    return found + [f"{one!r} in {url}" for one in addresses if not re.match(r"/(?![/\\])", one)]


def test_it_leads_to_a_page_that_has_no_markup_of_others_and_no_secret(
    furnished: Queue, operator: httpx.Client, site: Site
) -> None:
    at = furnished.connection.ground.clock.now().strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    starts = [one.path for one in site.routes if isinstance(one, Route) and "GET" in (one.methods or ())]
    starts = [one for one in starts if "{" not in one and one not in NOT_FOLLOWED]
    todo = [*starts, *(f"{one}?at={at}" for one in starts), "/jobs/markup/diff", "/audit?what=all"]
    followed: set[object] = set()
    wrong: list[str] = []
    while todo:
        url = todo.pop(0)
        if kind_of(url) in followed or any(one in url for one in FILES):
            continue
        followed.add(kind_of(url))
        answer = operator.get(url)
        wrong += wrong_in(url, answer)
        todo += [urljoin(url, one).partition("#")[0] for one in Links(answer.text).hrefs if one[:1] != "#"]

    assert len(followed) > 50
    assert not wrong, "\n".join(dict.fromkeys(wrong))
