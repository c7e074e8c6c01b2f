"""`python -m eventqueue` is `queuectl`."""

from eventqueue.cli.main import main

main()
