"""The log taken elsewhere: written to a file, and read back from one."""
