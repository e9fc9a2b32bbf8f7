"""Verdicts: where the critical points are and which kind of equilibrium each is."""
