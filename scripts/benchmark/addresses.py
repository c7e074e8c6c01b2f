"""The addresses of the page that `pages` asks for, each by what it is called there."""

from collections.abc import Mapping
from urllib.parse import quote

FILTERS = (
    "queue:queue-3",
    "queue:nobody-knows",
    "tag:tag-7",
    "tag:tag-7 tag:slow",
    "state:pending",
    "state:scheduled",
    "state:processing",
    "state:completed",
    "state:failed",
    "state:dead",
    "state:cancelled",
    "state:dead state:failed",
    "error~disk",
    "fingerprint:0657c6b7f8",
    "command~item",
    "command~nowhere",
    "task:shop.send",
    "meta.customer=customer-7",
    "group:batch-7",
    "key:order-7",
    "worker:host",
    "priority:7",
    "ended>-1h",
    "created>-1h",
    "state:dead queue:queue-3",
    "state:dead tag:tag-7",
    "state:pending tag:tag-7 queue:queue-3",
)
THEN = ("", "state:pending", "state:completed", "state:dead", "queue:queue-3", "tag:tag-7", "command~nowhere")

PLAIN = {
    "overview": "/",
    "overview, 24 h": "/?span=24h",
    "overview, 14 d": "/?span=14d",
    "jobs": "/jobs",
    "jobs, 200 of them": "/jobs?n=200",
    "jobs, behind 100,000": "/jobs?after={deep}&n=200",
    "jobs, dead behind 100,000": "/jobs?q=state:dead&after={deep}&n=200",
    "jobs by due": "/jobs?sort=due",
    "jobs, dead, by tries": "/jobs?q=state:dead&sort=tries",
    "jobs of a queue, failed, by priority": "/jobs?q=queue:queue-3+state:failed&sort=priority",
    "facets": "/search/facets",
    "facets, dead": "/search/facets?q=state:dead",
    "facets, tag": "/search/facets?q=tag:tag-7",
    "facets, text": "/search/facets?q=command~nowhere",
    "completion of a queue": "/search/completions?q=queue:",
    "completion of a tag": "/search/completions?q=tag:",
    "completion of a task": "/search/completions?q=task:",
    "completion of a worker": "/search/completions?q=worker:",
    "job, completed": "/jobs/{completed}",
    "job, pending": "/jobs/{pending}",
    "job, dead": "/jobs/{dead}",
    "job, by an end of its id": "/jobs?q=zzzzzzz",
    "its diff": "/jobs/{dead}/diff",
    "its diff with another": "/jobs/{dead}/diff?with={completed}",
    "its proof": "/jobs/{dead}/proof",
    "its output": "/jobs/{completed}/output/stdout",
    "queues": "/queues",
    "queue": "/queues/queue-3",
    "queue, 14 d": "/queues/queue-3?span=14d",
    "queue that nobody had": "/queues/nobody",
    "schedules": "/schedules",
    "workers": "/workers",
    "worker that was": "/workers/{gone}",
    "dead letters": "/dead",
    "dead letters, all": "/dead?all=",
    "dead letters of a queue": "/dead?q=queue:queue-3",
    "dead letters, text": "/dead?q=error~nowhere",
    "projections": "/projections",
    "audit": "/audit",
    "audit, all": "/audit?what=all",
    "audit, type that is rare": "/audit?what=worker-lost",
    "audit, actor that is none": "/audit?what=all&actor=nobody",
    "to retry all dead": "/bulk?deed=retry&q=state:dead",
    "to cancel all": "/bulk?deed=cancel",
    "to restart a queue's completed": "/bulk?deed=restart&q=queue:queue-3+state:completed",
    "to cancel 500 ticked": "/bulk?deed=cancel{ticked}",
}
PAST = {
    name: f"{PLAIN[name]}{'&' if '?' in PLAIN[name] else '?'}at={{then}}"
    for name in PLAIN
    if name.startswith(("overview", "facets", "queue", "schedules", "workers", "worker", "dead letters", "audit"))
    or name in ("projections", "jobs by due", "jobs, dead, by tries")
} | {"job": "/jobs/{past}?at={then}", "its diff": "/jobs/{past}/diff?at={then}"}

ADDRESSES: Mapping[str, str] = {
    **PLAIN,
    **{f"jobs `{text}`": f"/jobs?q={quote(text)}" for text in FILTERS},
    **{f"then: {name}": address for name, address in PAST.items()},
    **{f"then: jobs `{text}`": f"/jobs?q={quote(text)}&at={{then}}" for text in THEN},
}
