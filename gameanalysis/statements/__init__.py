"""Statements: definitions, theorems and conjectures as objects that can be checked."""
