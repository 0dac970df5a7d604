"""What the first system kept here."""
