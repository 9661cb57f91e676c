"""Who is trained on which rows, and what would leak."""
