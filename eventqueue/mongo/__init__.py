"""All that touches the driver on the write side: the log, its layout and concerns, and what only matters now."""
