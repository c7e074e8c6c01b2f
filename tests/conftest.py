"""Fixtures that all suites share."""

from hypothesis import settings

# Derandomised: a red run is red again for whoever looks into it. No deadline: these machines are shared.
settings.register_profile("eventqueue", deadline=None, derandomize=True, database=None, max_examples=100)
settings.load_profile("eventqueue")
