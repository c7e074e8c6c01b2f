"""The command line: arguments in, calls on the public API out, no logic of its own."""
