"""What both sides of a job keep to: names, checks, tables, metric lines."""
