"""Learning rules as formulas: what each does in one update, and what follows from it."""
