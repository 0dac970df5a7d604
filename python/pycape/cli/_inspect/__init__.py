"""What `cape inspect` recognises: one module an idea, each with functions of one form.

Such a function takes a `Source` and the `Surroundings`, and returns an `Explanation`, or None for
what is something else.
"""
