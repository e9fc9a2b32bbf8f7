"""Declaration: games as costs and actions, from SymPy, text or the catalogue's tables."""
