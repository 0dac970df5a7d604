"""How long a key may be, where it is read from a file or stdin."""

# In bytes. No key or secret is longer, in whichever form.
MOST_OF_KEY = 64 << 10
