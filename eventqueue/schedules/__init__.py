"""Schedules: jobs that are made again and again, each at its time: the events, the rules and the times. Pure."""
