"""Behind a proxy: who asks is who the proxy says, and nobody else can say so."""

from collections.abc import Iterator

import httpx
import pytest

from eventqueue.api.queue import Queue
from eventqueue.errors import Misconfigured
from eventqueue.model.events import Recorded
from eventqueue.web.entry.keys import OPERATOR, VIEWER, Keys, keys_of
from eventqueue.web.entry.proxied import check_header
from tests.patience import PATIENCE_S
from tests.web.doors import open_door
from tests.web.sites import Site

OPERATOR_TOKEN, VIEWER_TOKEN = "o" * 6 + "0123456789abcdefghij", "v" * 6 + "0123456789abcdefghij"
KEYS = Keys(VIEWER_TOKEN, OPERATOR_TOKEN)


@pytest.fixture
def site(queue: Queue) -> Iterator[Site]:
    with open_door(queue, KEYS, "queue.example.com", user_header="x-forwarded-user") as site:
        yield site


def by_proxy(user: str, token: str = OPERATOR_TOKEN) -> dict[bytes, bytes]:
    told = {"host": "queue.example.com", "authorization": f"Bearer {token}", "x-forwarded-user": user}
    return {name.encode(): value.encode() for name, value in {**told, "sec-fetch-site": "same-origin"}.items()}


def test_an_act_is_signed_by_who_the_proxy_names(queue: Queue, site: Site) -> None:
    queue.enqueue(command="true")
    with httpx.Client(base_url=site.url, timeout=PATIENCE_S) as client:
        for user in ("Ann", "Jörg"):
            name = "pause" if user == "Ann" else "resume"
            answer = client.post(f"/queues/default/{name}", headers=by_proxy(user))

            assert answer.status_code == 303
        assert "Jörg, operator" in client.get("/", headers=by_proxy("Jörg")).text
    found = [one.actor for one in queue.events() if isinstance(one, Recorded) and one.stream == "queue-default"]
    assert found == ["web/Ann", "web/Jörg"]


def test_who_the_proxy_lets_look_only_cannot_act(queue: Queue, site: Site) -> None:
    queue.enqueue(command="true")
    with httpx.Client(base_url=site.url, timeout=PATIENCE_S) as client:
        assert client.get("/", headers=by_proxy("bob", VIEWER_TOKEN)).status_code == 200
        assert client.post("/queues/default/pause", headers=by_proxy("bob", VIEWER_TOKEN)).status_code == 403


def test_nobody_on_this_machine_can_say_who_they_are(site: Site) -> None:
    told = by_proxy("ann")
    without = [{key: value for key, value in told.items() if key != left} for left in (b"authorization",)]
    wrong = [{**told, b"authorization": one} for one in (b"Bearer x", b"Basic " + OPERATOR_TOKEN.encode(), b"")]
    with httpx.Client(base_url=site.url, timeout=PATIENCE_S) as client:
        for headers in (*without, *wrong):
            assert client.get("/", headers=headers).status_code == 401
        assert client.get("/", params={"token": OPERATOR_TOKEN}).status_code == 401  # nor by an address
        cookie = {"cookie": f"queuectl-{site.url.rpartition(':')[2]}={OPERATOR_TOKEN}"}
        assert client.get("/", headers=cookie).status_code == 401
        sent = {"token": OPERATOR_TOKEN, "next": "/"}
        assert client.post("/enter", data=sent, headers={"sec-fetch-site": "same-origin"}).status_code == 401
        assert "set-cookie" not in client.get("/", headers=told).headers


def test_a_proxy_that_names_nobody_or_two_or_what_does_not_print_lets_nobody_in(site: Site) -> None:
    told = by_proxy("ann")
    named = [b"", b"\xff", "a\u202eb".encode(), b"x" * 5_000, b"ann as root"]
    with httpx.Client(base_url=site.url, timeout=PATIENCE_S) as client:
        for user in named:
            assert client.get("/", headers={**told, b"x-forwarded-user": user}).status_code == 401
        two = [*told.items(), (b"x-forwarded-user", b"root")]
        answer = client.get("/", headers=two)
        assert answer.status_code == 401
        assert "x-forwarded-user" in answer.text


def test_other_pages_cannot_use_what_the_proxy_knows_of_their_reader(queue: Queue, site: Site) -> None:
    queue.enqueue(command="true")
    with httpx.Client(base_url=site.url, timeout=PATIENCE_S) as client:
        headers = {**by_proxy("ann"), b"sec-fetch-site": b"same-site"}
        assert client.post("/queues/default/pause", headers=headers).status_code == 403
        del headers[b"sec-fetch-site"]
        headers[b"origin"] = b"https://queue.example.com"
        assert client.post("/queues/default/pause", headers=headers).status_code == 403
        headers[b"x-forwarded-proto"] = b"https"
        assert client.post("/queues/default/pause", headers=headers).status_code == 303


def test_the_cookie_is_for_https_alone_where_a_proxy_says_that_it_is_spoken(queue: Queue) -> None:
    with open_door(queue, KEYS, "queue.example.com") as site:
        told = {"host": "queue.example.com", "x-forwarded-proto": "https"}
        answer = httpx.get(site.url, params={"token": VIEWER_TOKEN}, headers=told, timeout=PATIENCE_S)

    assert "Secure" in answer.headers["set-cookie"]


def test_tokens_are_new_ones_unless_the_environment_has_them() -> None:
    made = [keys_of({}, read_only=False, is_proxied=False) for _ in range(2)]
    assert len({*made[0], *made[1]}) == 4
    assert all(len(one or "") == 32 for one in (*made[0], *made[1]))

    given = {OPERATOR: OPERATOR_TOKEN, VIEWER: VIEWER_TOKEN}
    assert keys_of(given, read_only=False, is_proxied=False) == KEYS
    assert keys_of(given, read_only=True, is_proxied=True) == Keys(VIEWER_TOKEN, None)
    assert keys_of({OPERATOR: OPERATOR_TOKEN}, read_only=False, is_proxied=True) == Keys(None, OPERATOR_TOKEN)


@pytest.mark.parametrize(
    "token", ["short", "a" * 40, "0123456789 abcdefghijklmnop", "0123456789äbcdefghijklmnop", "x\n" * 30]
)
def test_a_weak_token_is_refused_and_not_repeated(token: str) -> None:
    with pytest.raises(Misconfigured, match=OPERATOR) as refused:
        keys_of({OPERATOR: token}, read_only=False, is_proxied=False)

    assert token not in str(refused.value)


def test_one_token_is_not_for_both_roles_and_a_proxy_needs_one() -> None:
    with pytest.raises(Misconfigured, match="the same"):
        keys_of({OPERATOR: OPERATOR_TOKEN, VIEWER: OPERATOR_TOKEN}, read_only=False, is_proxied=False)
    with pytest.raises(Misconfigured, match=VIEWER):
        keys_of({OPERATOR: OPERATOR_TOKEN}, read_only=True, is_proxied=True)
    with pytest.raises(Misconfigured, match="A proxy has to show a token"):
        keys_of({}, read_only=False, is_proxied=True)


def test_a_header_that_has_another_meaning_names_no_user() -> None:
    assert check_header("X-Forwarded-User") == "x-forwarded-user"
    for name in ("Authorization", "cookie", "Host", "", "a b", "x:y", "Sec-Fetch-Site", "x" * 200, "ä"):
        with pytest.raises(Misconfigured, match="no header that names a user"):
            check_header(name)
