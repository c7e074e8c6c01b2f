"""The first runner: shell commands, by a launcher process beside the worker."""
