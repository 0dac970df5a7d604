"""The changes of schema, oldest first."""
