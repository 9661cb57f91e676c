"""Models after the fit: they predict, explain, and give intervals."""
