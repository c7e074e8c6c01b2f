"""Python functions as tasks: what they are called, what they take and give back, and what their errors mean. Pure."""
