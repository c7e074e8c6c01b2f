"""The local mongod that runs when no URI is given."""
