"""The checks of `cape doctor`: one file for each group. None of them changes anything."""
