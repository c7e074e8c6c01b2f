"""How a worker comes to its claims: which queues and buckets it serves, and what it reads for that."""
