"""Cape."""
