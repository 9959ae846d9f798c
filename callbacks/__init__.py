"""Wiring only: what the browser sent, which service it concerns, what goes back."""
