"""Motion: flows and updates, and what became of each start."""
