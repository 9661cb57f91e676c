"""The one number."""

__version__ = "0.1.0"
