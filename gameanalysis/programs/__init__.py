"""Programs: formulas as straight-line code for floats, intervals and exact numbers."""
