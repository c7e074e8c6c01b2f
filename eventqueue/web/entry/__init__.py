"""Who comes in, and as whom: the door of the page."""
