"""What schedules are, and when their ticks are."""
