"""What applications and the command line call: Queue, and what it is made of."""
