"""A history held against the rules, and a job proven: its history, and its view against the fold of that."""
