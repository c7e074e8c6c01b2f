"""The door of the page: who comes in, as whom, by which name of it, and what is said to who does not."""

from collections.abc import Iterator
from itertools import product

import httpx
import pytest

from eventqueue.api.queue import Queue
from eventqueue.web.entry.guard import HEADERS
from eventqueue.web.entry.keys import Keys
from tests.patience import PATIENCE_S
from tests.web.doors import knock, open_door, sent
from tests.web.sites import Site

READS = {"sec-fetch-site": "none", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}


@pytest.fixture
def stranger(site: Site) -> Iterator[httpx.Client]:
    """A client that has shown no token."""
    with httpx.Client(base_url=site.url, headers=READS, timeout=PATIENCE_S) as client:
        yield client


def port_of(site: Site) -> str:
    return site.url.rpartition(":")[2]


def test_it_is_served_under_the_names_of_this_machine(site: Site, operator: httpx.Client) -> None:
    for host in ("127.0.0.1", "localhost", "LocalHost", "[::1]"):
        assert operator.get("/", headers={"host": f"{host}:{port_of(site)}"}).status_code == 200


def test_a_name_that_somebody_else_gave_this_machine_is_refused(site: Site, operator: httpx.Client) -> None:
    paths = ("/", "/static/style.css", f"/?token={site.keys.operator}")
    for host in ("evil.example:{}", "127.0.0.1", "localhost.:{}", "127.0.0.1:1", "", "[::1", "\xff"):
        for path in paths:
            answer = operator.get(path, headers={b"host": host.format(port_of(site)).encode("latin-1")})

            assert answer.status_code == 421
            assert "--allow-host" in answer.text


def test_who_names_no_host_or_two_is_refused(site: Site) -> None:
    two = f"GET / HTTP/1.1\r\nHost: {site.url[7:]}\r\nHost: evil.example\r\n\r\n".encode()

    assert b" 421 " in sent(site, b"GET / HTTP/1.0\r\n\r\n")
    assert b" 400 " in sent(site, two)


def test_a_host_that_is_allowed_is_one_of_its_names(queue: Queue) -> None:
    with open_door(queue, Keys("viewer", "operator"), "queue.example.com") as site:
        answer = httpx.get(
            site.url, headers={"host": "Queue.Example.com"}, params={"token": "operator"}, timeout=PATIENCE_S
        )

    assert answer.status_code == 303


def test_the_token_in_the_address_becomes_a_cookie_and_is_gone_from_it(site: Site, stranger: httpx.Client) -> None:
    answer = stranger.get(f"/queues?token=another&q=a%20b&token={site.keys.operator}&q=c&at=")

    assert (answer.status_code, answer.headers["location"]) == (303, "/queues?q=a+b&q=c&at=")
    name, _, rest = answer.headers["set-cookie"].partition("=")
    assert name == f"queuectl-{port_of(site)}"
    assert {"HttpOnly", "Path=/", "SameSite=strict"} < set(rest.split("; "))
    assert answer.headers["cache-control"] == "no-store"


def test_the_cookie_is_found_among_those_of_other_ports_and_holds_any_token(queue: Queue) -> None:
    token = "0123456789/+=~._-abcdefghij"
    with open_door(queue, Keys(token, None)) as site, httpx.Client(base_url=site.url, timeout=PATIENCE_S) as client:
        name, _, value = client.get("/", params={"token": token}).headers["set-cookie"].partition(";")[0].partition("=")
        others = f'a={{"b": [1, 2]}}; ; x; c="; {name}={value}; d=\\'

        assert client.get("/", headers={"cookie": others}).status_code == 200


def test_no_address_sends_whoever_comes_in_elsewhere(site: Site) -> None:
    for target in (b"//evil.example/", b"/\\evil.example/", b"///evil.example/%2e%2e"):
        answer = knock(site, target + b"?token=" + (site.keys.operator or "").encode())

        assert b"\r\nlocation: /\r\n" in answer.lower()


def test_a_token_that_is_none_lets_nobody_in_and_is_not_repeated(stranger: httpx.Client) -> None:
    for token in ("", "wrong", "the-viewers-toke", "\u00e4" * 20, "x" * 50_000):
        answer = stranger.get("/", params={"token": token})

        assert answer.status_code == 401
        assert "set-cookie" not in answer.headers
        assert not token or token not in answer.text


def test_who_shows_no_token_is_told_what_to_do(site: Site, stranger: httpx.Client) -> None:
    for cookie in ("", "queuectl-1=x", f"queuectl-{port_of(site)}=wrong", "\x01=;;;\xff"):
        answer = stranger.get("/queues?q=1", headers={b"cookie": cookie.encode("latin-1")})

        assert answer.status_code == 401
        assert "Open the address that was printed" in answer.text
        assert 'name="next" value="/queues?q=1"' in answer.text
        assert "Go on" not in answer.text


def test_the_token_is_taken_from_a_form_of_this_page_alone(site: Site, stranger: httpx.Client) -> None:
    asked = {"token": f" {site.keys.viewer} ", "next": "/queues?q=1"}

    for other in ("cross-site", "same-site", "none"):
        assert stranger.post("/enter", data=asked, headers={"sec-fetch-site": other}).status_code == 403
    answer = stranger.post("/enter", data=asked, headers={"sec-fetch-site": "same-origin"})

    assert (answer.status_code, answer.headers["location"]) == (303, "/queues?q=1")
    assert stranger.get("/queues").status_code == 200  # it has the cookie


def test_a_form_leads_nowhere_but_to_this_page(site: Site, stranger: httpx.Client) -> None:
    for address in ("//evil.example", "/\\evil", "https://evil", "/\t/evil", "", "javascript:1"):
        asked = {"token": site.keys.viewer, "next": address}
        answer = stranger.post("/enter", data=asked, headers={"sec-fetch-site": "same-origin"})

        assert (answer.status_code, answer.headers["location"]) == (303, "/")


def test_who_comes_by_a_link_from_elsewhere_goes_on_by_one_of_this_page(stranger: httpx.Client) -> None:
    for site in ("cross-site", "same-site"):  # a browser keeps the cookie back then
        answer = stranger.get("/queues?q=1&x=%22%3E%3Cb", headers={"sec-fetch-site": site})

        assert answer.status_code == 401
        assert 'href="/queues?q=1&amp;x=%22%3E%3Cb">Go on<' in answer.text


def test_a_page_of_another_site_or_port_takes_nothing_into_itself(site: Site, operator: httpx.Client) -> None:
    kinds = (("no-cors", "image"), ("cors", "empty"), ("navigate", "iframe"), ("", ""))
    for whence, (mode, dest) in product(("cross-site", "same-site"), kinds):
        from_there = {"sec-fetch-site": whence, "sec-fetch-mode": mode, "sec-fetch-dest": dest}
        for path in ("/", "/live", f"/?token={site.keys.operator}"):
            assert operator.get(path, headers=from_there).status_code == 403


def test_an_act_is_taken_from_no_other_page(queue: Queue, operator: httpx.Client) -> None:
    queue.enqueue(command="true")
    own = {"origin": str(operator.base_url).rstrip("/")}  # which counts only where a browser says nothing better

    for whence in ("cross-site", "same-site", "none", ""):
        answer = operator.post("/queues/default/pause", headers={"sec-fetch-site": whence, **own})
        assert answer.status_code == 403
    assert queue.queues()[0].pause is None


def test_of_a_browser_that_does_not_tell_an_act_is_taken_by_its_origin_alone(
    queue: Queue, site: Site, operator: httpx.Client
) -> None:
    queue.enqueue(command="true")
    host = site.url.removeprefix("http://")
    del operator.headers["sec-fetch-site"]

    for origin in (None, "null", f"https://{host}", "http://evil.example", "http://127.0.0.1:1", host):
        headers = {} if origin is None else {"origin": origin}
        assert operator.post("/queues/default/pause", headers=headers).status_code == 403
    assert operator.post("/queues/default/pause", headers={"origin": site.url}).status_code == 200
    assert queue.queues()[0].pause is not None


def test_whatever_is_answered_loads_nothing_and_is_shown_nowhere_else(site: Site, operator: httpx.Client) -> None:
    asked = [operator.get(path) for path in ("/", "/nowhere", "/static/style.css", "/static/none", "/static/%00")]
    asked += [
        operator.put("/"),
        operator.post("/"),
        httpx.get(site.url, timeout=PATIENCE_S),
        operator.get("/", headers={"host": "x"}),
    ]

    assert [one.status_code for one in asked] == [200, 404, 200, 404, 404, 405, 405, 401, 421]
    for one in asked:
        assert HEADERS.items() <= dict(zip(HEADERS, map(one.headers.get, HEADERS), strict=True)).items()
        assert one.headers["cache-control"] == ("no-cache" if "/static/" in str(one.url) else "no-store")
        assert (site.keys.operator or "") not in one.text


def test_what_is_neither_reading_nor_an_act_is_refused(operator: httpx.Client) -> None:
    for method in ("PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "BREW"):
        answer = operator.request(method, "/queues")

        assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD, POST")


def test_what_is_asked_for_by_its_head_comes_without_a_body_and_ends(operator: httpx.Client) -> None:
    for path in ("/", "/live", "/static/style.css"):
        answer = operator.head(path)

        assert (answer.status_code, answer.content) == (200, b"")


def test_what_is_no_form_or_too_long_is_no_act(queue: Queue, operator: httpx.Client) -> None:
    queue.enqueue(command="true")

    for kind, body, status in (
        ("application/json", b"{}", 415),
        ("text/plain", b"why=x", 415),
        ("multipart/form-data; boundary=x", b"--x--", 415),
        ("application/x-www-form-urlencoded", b"why=" + b"x" * 100_000, 413),
    ):
        answer = operator.post("/queues/default/pause", content=body, headers={"content-type": kind})
        assert answer.status_code == status
    assert queue.queues()[0].pause is None


def test_a_body_without_a_length_is_read_no_further_than_a_form_is_long(operator: httpx.Client) -> None:
    def endless() -> "list[bytes]":
        return [b"x" * 10_000] * 20

    kind = {"content-type": "application/x-www-form-urlencoded"}
    assert operator.post("/queues/default/pause", content=iter(endless()), headers=kind).status_code == 413


def test_a_form_that_does_not_come_to_its_end_is_given_up(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("eventqueue.web.entry.bodies.PATIENCE_S", 0.05)
    headers = (b"Sec-Fetch-Site: same-origin", b"Content-Type: application/x-www-form-urlencoded", b"Content-Length: 9")

    assert b" 408 " in knock(site, b"/queues/default/pause", *headers, body=b"why", method=b"POST")


ADDRESSES = """
/%00 /%FF%FE /%0d%0aX:1 /% /queues/%00/pause /queues?at=%00 /queues?at=%FF /?q=%E2%80%AE%00&q=
/static/../../keys.py /static/%2e%2e/%2e%2e/keys.py /static//etc/passwd /static/%00
"""


def test_an_address_that_is_none_is_told_in_a_sentence(site: Site, capfd: pytest.CaptureFixture[str]) -> None:
    for target in (*ADDRESSES.encode().split(), b"/" + b"x" * 9_000):
        answer = knock(site, target)

        assert answer.split()[1] in (b"200", b"400", b"404", b"405")
        assert b"Traceback" not in answer
    assert capfd.readouterr().err == ""


def test_what_is_no_http_is_hung_up_on_without_a_word(site: Site, capfd: pytest.CaptureFixture[str]) -> None:
    for garbage in (
        b"\x16\x03\x01\x00\xff",
        b"GET /\xff HTTP/1.1\r\n\r\n",
        b"GET /" + b"x" * 200_000 + b" HTTP/1.1\r\n",
    ):
        assert b" 400 " in sent(site, garbage)

    assert capfd.readouterr().err == ""


def test_nobody_acts_where_it_is_for_looking_only(queue: Queue) -> None:
    queue.enqueue(command="true")
    with open_door(queue, Keys("viewer", None)) as site, httpx.Client(base_url=site.url, timeout=PATIENCE_S) as client:
        for token in ("", "None", "operator"):
            assert client.get("/", params={"token": token}).status_code == 401
        client.get("/", params={"token": "viewer"})

        assert client.post("/queues/default/pause", headers={"sec-fetch-site": "same-origin"}).status_code == 403
    assert queue.queues()[0].pause is None
