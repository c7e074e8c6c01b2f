"""The read side: views that are pure folds of the event log, and the runtime that keeps them exact."""
