"""What is done from pages, and what goes on in this process because of it."""
