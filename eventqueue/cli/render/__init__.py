"""What only draws: words, tables, screens, progress and JSON documents of what it is given."""
