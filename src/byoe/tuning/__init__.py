"""The search for better parameters of an ensemble, on this machine."""
