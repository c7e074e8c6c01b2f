"""Which commands `scale` measures.

`{pending}`, `{dead}` and `{completed}`: the id of such a job, another one each time; `{deep}` is behind very many, and
`{end}` what it ends with. `complete`: what a shell asks when the last word is typed.
"""

from eventqueue.model.fingerprint import fingerprint

JOB = "01990000-0000-7000-8000-000000000042"
KIND = fingerprint("exit-code: exit code 1: disk full")

# As `list` and `count` take them: each filter by itself, and pairs.
FILTERS = (
    *("", "--since 1h", "--until 27d", "--queue queue-3", "--queue nobody-knows", "--tag tag-7"),
    *("--tag tag-7 --tag slow", "--state pending", "--state processing", "--state completed", "--state failed"),
    *("--state dead", "--state cancelled", "--error disk", f"--fingerprint {KIND}", "--command item"),
    *("--command nowhere", "--task shop.send", "--task nowhere", "--meta customer=customer-7", "--group batch-7"),
    *("--group nowhere", "--key order-7", "--queue queue-3 --key order-7", "--worker host", "--priority 10"),
    *("--priority 7", "--ended-since 1h", "--due-before 1h", "--queue queue-3 --due-before 1h"),
    *("--state dead --error disk", f"--state dead --fingerprint {KIND}", "--state dead --tag tag-7"),
    *("--state dead --queue queue-3", "--state completed --ended-since 1h", "--state completed --queue queue-3"),
    *("--state pending --due-before 1h", "--tag tag-7 --since 1h", "--queue queue-3 --since 1h"),
)
KINDS = ("state", "queue", "error", "tag", "task", "hour")
COMMANDS = (
    "status",
    *(f"list --limit 50 {words}".rstrip() for words in FILTERS),
    *("list --limit 50 --after {deep}", "list --limit 50 -o ids", "list --limit 50 --sort due"),
    *("list --limit 50 --queue queue-3 --state dead --sort tries", "list --limit 50 --state dead --sort tries"),
    *(f"count {words}".rstrip() for words in FILTERS),
    *(f"count --by {kind}" for kind in KINDS),
    *(f"count --by {kind} --state dead" for kind in KINDS),
    *("count --by tag --scan", "count --by error --scan"),
    *(
        "dlq list --limit 50",
        "errors --limit 50",
        "errors --limit 50 --since 1d",
        "errors --limit 50 state:dead tag:tag-7",
        "errors --limit 50 --past",
        f"show {JOB}",
        f"history {JOB}",
        f"logs {JOB}",
        f"audit verify {JOB}",
    ),
    *("show {end}", "show ffffffffffff", "complete show 0199", "complete show @", "complete list --tag t"),
    *(
        "complete list --queue q",
        "restart {completed}",
        "cancel --queue queue-3 --dry-run",
        "retry state:dead --dry-run",
    ),
    *("why {pending}", "why {dead}", "set {pending} --priority 5", "run-now {pending}", "cancel {pending}"),
    *("retry {dead}", f"retry {JOB} --dry-run", "enqueue -- true"),
    *("stats", "stats --window 7d", "top --once", "metrics", "queue list", "worker list", "worker list --all"),
    *("projections list", "doctor", "doctor --max-wait 5m --max-dead 10 --max-lag 30s"),
    *("status --at 20d", "list --limit 50 --at 20d"),
)
