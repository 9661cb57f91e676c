"""Tables in Parquet and Arrow's stream format, from senders that are not trusted.

pyarrow believes what a body declares, and takes memory and time for it. So a body is walked in Python
first, which takes no more of both than the body's own bytes are worth. Its way through the files:

- ``_reader`` takes it in (`read_parquet`, `read_arrow`), and makes one `Allowance` for it.
- ``_allowance`` counts cells, bytes, texts and pieces wherever the body is walked, and refuses what is too much.
- ``_thrift`` reads the structures of Parquet's metadata, more strictly than Thrift does, and writes them.
- ``_parquet_footer`` checks the footer of a Parquet body, and writes a new one, which alone pyarrow sees.
- ``_parquet_pages`` goes from page to page, and counts what each would be decoded to.
- ``_arrow`` goes from message to message of an Arrow stream, and does the same.
- ``_reader`` lets pyarrow decode what has passed, validates it array by array, and makes columns of it.

Of byoe nothing is imported here but the refusal that a request is answered with. What the threat is,
and why a process of its own does not answer it, is told in ``docs/hostile-requests.md``.
"""
