"""Who makes the jobs of schedules."""
