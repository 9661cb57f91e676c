"""What the distribution is called, and its version."""

DISTRIBUTION = "byoe-ensemble"  # on an index "byoe" is another project, with an import name and a command of that name

__version__ = "0.1.0"
