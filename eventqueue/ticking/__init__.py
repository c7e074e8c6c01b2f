"""Ticking: who makes the jobs of schedules at their times."""
