"""Reading the views: for people and for workers, with their lag, and held against the log."""
