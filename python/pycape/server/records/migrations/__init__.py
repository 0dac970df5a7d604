"""Alembic's folder: one file a change of schema, in `versions`."""
