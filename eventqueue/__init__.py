"""eventqueue: a job queue whose ground state is an append-only event log in MongoDB."""

__version__ = "0.1.0"
