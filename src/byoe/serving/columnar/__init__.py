"""Tables in Parquet and Arrow's stream format, from senders that are not trusted."""
