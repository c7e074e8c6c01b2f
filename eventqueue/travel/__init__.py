"""How all was at a time that is past: told from the log, by the same folds as what is now."""
