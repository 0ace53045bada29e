"""Policies as values: each answers with a decision or with its next self; a row or a key stores it."""
