"""What a process asks of Python and the machine: time since boot, signals, forks, standard streams, text fit for them."""
