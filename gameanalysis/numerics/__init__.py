"""Numerics: fields, never games; updates, candidates for zeros, and proofs of them."""
