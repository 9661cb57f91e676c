"""The report of a fitted ensemble: one page that needs nothing but itself, neither a network nor a script."""
