"""How much a body may hold, counted before it is read."""

from __future__ import annotations

from .._refusal import Refusal

_PER_CELL = 64  # bytes
_ANY_BODY = 16 * 2**20  # bytes that a body of few cells may take as well
_MOST_PARTS = 100_000


class Allowance:
    """What is left of the limits of one body.

    Parameters
    ----------
    most_cells : int
        The number of rows × columns that may be read.

    Attributes
    ----------
    most_bytes : int
        The bytes that may be decoded.
    most_text : int
        The bytes in UTF-8 of all texts, each cell for itself. Python may need four times as many.
    """

    def __init__(self, most_cells: int) -> None:
        self.most_cells = most_cells
        self.most_bytes = _PER_CELL * most_cells + _ANY_BODY
        self.most_text = self.most_bytes // 2
        self._decoded = 0
        self._text = 0
        self._parts = 0

    def table(self, n_rows: int, n_columns: int) -> None:
        """Refuse a table that is empty or has too many cells."""
        if not n_columns:
            raise Refusal(400, "the body holds no columns")
        if not n_rows:
            raise Refusal(400, "the body holds no rows")
        if n_rows * n_columns > self.most_cells:
            raise Refusal(
                413,
                f"the body holds {n_rows} rows × {n_columns} columns = {n_rows * n_columns} cells, and at most "
                f"{self.most_cells} are read at a time; send fewer rows",
            )

    def decode(self, n_bytes: int) -> None:
        """Count bytes that are about to be decoded."""
        self._decoded += n_bytes
        _check(self._decoded, self.most_bytes, "body decodes to")

    def text(self, n_bytes: int) -> None:
        """Count the bytes of texts, each cell for itself."""
        self._text += n_bytes
        _check(self._text, self.most_text, "texts have")

    def part(self, n_parts: int = 1) -> None:
        """Count the pieces that the body is made of, as each takes time."""
        self._parts += n_parts
        if self._parts > _MOST_PARTS:
            raise Refusal(
                413,
                f"the body is made of {self._parts} pieces or more (pages, batches, columns), and at most "
                f"{_MOST_PARTS} are read; write larger row groups or batches",
            )


def _check(n_bytes: int, most: int, told: str) -> None:
    if n_bytes > most:
        raise Refusal(
            413,
            f"the {told} {n_bytes} bytes or more, and at most {most} are read at a time; "
            "send fewer rows or shorter texts",
        )
