"""What can happen and what comes of it: events, jobs, pauses, settings, requests, and their bytes. Pure."""
