"""What events make of views: jobs, entries, counters, and the commands that write them. Pure."""
