"""The web page: where people watch, explain, travel in time and act. It shows and does what `api` can, and no more."""
