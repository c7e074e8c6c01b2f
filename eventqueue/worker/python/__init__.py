"""The second runner: calls of Python tasks, by children that a fork server beside the worker makes, and that stay."""
