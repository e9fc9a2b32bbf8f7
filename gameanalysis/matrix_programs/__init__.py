"""Costs of matrices as NumPy code: their graph, derivatives, programs and linear systems."""
