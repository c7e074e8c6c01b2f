"""The local MongoDB server: one mongod a home directory, on a Unix socket that only its owner can reach.

It is used where no URI is given. It belongs to the home, not to a process: whoever needs it first starts it, everybody
shares it, and it runs until `stop`.
"""

from eventqueue.server.homedir import home
from eventqueue.server.local import LocalServer, ensure_running, status, stop

__all__ = ["LocalServer", "ensure_running", "home", "status", "stop"]
