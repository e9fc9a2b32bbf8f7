"""Exact forms and exact decisions: SymPy expressions, rationals, algebraic numbers."""
