"""Games, fields and updates as fast functions, by the programs of their formulas."""
