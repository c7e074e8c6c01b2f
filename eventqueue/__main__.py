"""`python -m eventqueue` is `queuectl`."""

import sys

from eventqueue.cli.main import main

sys.exit(main())
