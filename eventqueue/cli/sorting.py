"""The option that says in what order jobs are listed."""

import click

from eventqueue.cli.values import Choice

# As in eventqueue.audit.orders, which is slow to import; a test holds the two together.
ORDERS, MOST = ("created", "updated", "due", "priority", "tries", "queue"), 10_000

sorting = click.option(
    "--sort",
    type=Choice(ORDERS),
    help=f"In this order, of {MOST:,} jobs at most: the latest, the first due, the highest or the most first.",
)
