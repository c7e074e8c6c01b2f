"""One verdict over the log, its collection, what is kept beside it, and the views. It reads, and mends nothing."""
