"""The worker: claims jobs, runs them, settles what came of it."""
