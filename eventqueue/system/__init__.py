"""What a process asks of Python and the machine: time since boot, signals, forks, streams, text fit for them."""
