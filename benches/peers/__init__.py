"""Packages that do comparable things, in an environment of their own: requirements/benches.txt."""
