"""What is found out as pages draw it: rows, lines, steps, and the templates' own words."""
