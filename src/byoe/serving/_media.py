"""Content types: their names, the options that they carry, and what an ``Accept`` header asks for."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ._refusal import Refusal

CSV, JSON, JSON_LINES, NPY = "text/csv", "application/json", "application/jsonlines", "application/x-npy"
PARQUET, ARROW = "application/x-parquet", "application/vnd.apache.arrow.stream"
CONTENT_TYPES = (CSV, JSON, JSON_LINES, NPY, PARQUET, ARROW)
FILE_TYPES = {".csv": CSV, ".parquet": PARQUET}  # of files that hold data, by their suffix
ANSWER_TYPES = (JSON, CSV, JSON_LINES, NPY)
OUTPUTS = ("probabilities", "interval", "members", "contributions")
_SAME = {
    "application/csv": CSV,
    "application/jsonl": JSON_LINES,
    "application/x-jsonlines": JSON_LINES,
    "application/x-ndjson": JSON_LINES,
    "application/vnd.apache.parquet": PARQUET,
    "application/parquet": PARQUET,
}
_PARAMETER = re.compile(r'\s*([^=;"\s]+)\s*=\s*("(?:[^"\\]|\\.)*"|[^;"]*)\s*(?:;|$)')
# These say nothing that is not known without them.
_PASSED_OVER = frozenset({"boundary", "label_size", "profile", "version"})


@dataclass(frozen=True)
class Options:
    """What a request asks for beside predictions.

    Attributes
    ----------
    outputs : tuple of str
        Of ``OUTPUTS``.
    level : float
        Of intervals.
    model : str or None
        Which of several is to answer.
    """

    outputs: tuple[str, ...] = ()
    level: float = 0.9
    model: str | None = None

    def changed(self, given: Mapping[str, Any]) -> Options:
        """Return the options with those that a mapping gives."""
        outputs, level = given.get("outputs", self.outputs), given.get("level", self.level)
        model = given.get("model", self.model)
        if model is not None and not isinstance(model, str):
            raise Refusal(400, f"model is {str(model)[:60]!r}, expected a name")
        if isinstance(outputs, str):
            outputs = [name.strip() for name in outputs.split(",")]
        if not isinstance(outputs, (list, tuple)) or not all(isinstance(name, str) for name in outputs):
            raise Refusal(400, f"outputs is {str(outputs)[:100]!r}, expected names such as {', '.join(OUTPUTS)}")
        unknown = [name for name in outputs if name not in (*OUTPUTS, "predictions", "")]
        if unknown:
            raise Refusal(400, f"there is no output {unknown[0][:60]!r}; ask for {', '.join(OUTPUTS)}")
        try:
            number = float(level)
        except (TypeError, ValueError, OverflowError) as error:
            raise Refusal(400, f"level is {str(level)[:60]!r}, expected a number such as 0.9") from error
        if isinstance(level, bool) or not 0 < number < 1:
            raise Refusal(400, f"level is {level}, expected a number above 0 and below 1, such as 0.9")
        return Options(tuple(name for name in OUTPUTS if name in outputs), number, model)


@dataclass(frozen=True)
class ContentType:
    """A content type taken apart.

    Attributes
    ----------
    media : str
        One of ``CONTENT_TYPES``.
    options : Options
    charset : str
    header : bool or None
        Whether the first line of CSV is said to be a header (RFC 4180).
    """

    media: str
    options: Options = Options()
    charset: str = "utf-8-sig"
    header: bool | None = None

    @classmethod
    def of(cls, text: str) -> ContentType:
        """Read a header's value; a Refusal says what is wrong with it."""
        media, _, tail = text.partition(";")
        media = media.strip().lower() or JSON  # as the platform takes a request without a type
        media = _SAME.get(media, media)
        if media not in CONTENT_TYPES:
            raise Refusal(415, f"content type {text[:100]!r} is not supported; send one of {', '.join(CONTENT_TYPES)}")
        pairs = list(_parameters(tail, text))
        given = dict(pairs)
        if len(given) < len(pairs):
            raise Refusal(400, f"content type {text[:100]!r} gives an option more than once")
        charset = _charset(given.pop("charset", "utf-8"))
        header = given.pop("header", None)
        if header not in (None, "present", "absent"):
            raise Refusal(400, f"header is {header[:60]!r}, expected present or absent")
        unknown = sorted(given.keys() - {"outputs", "level", "model"} - _PASSED_OVER)
        if unknown:
            raise Refusal(
                400,
                f"content type {text[:100]!r} has no option {unknown[0][:60]!r}; it takes charset, header, "
                "outputs, level and model",
            )
        return cls(media, Options().changed(given), charset, None if header is None else header == "present")


def accepted(accept: str) -> tuple[str, bool]:
    """Return the type of the answer that an ``Accept`` header prefers, and whether CSV gets a header.

    An empty text stands for none that there is.
    """
    choices = []
    for place, part in enumerate((accept or "").split(",")):
        media, _, tail = part.partition(";")
        given = {found[1]: found[2].strip() for found in _PARAMETER.finditer(tail.lower())}
        try:
            quality = float(given.get("q", "1"))
        except ValueError:
            quality = 0.0
        media = media.strip().lower()
        choices.append((-quality, place, _SAME.get(media, media), given.get("header") == "present"))
    for quality, _, media, header in sorted(choices):
        if quality < 0 and media in ANSWER_TYPES:
            return media, header
        if quality < 0 and media in ("", "*/*", "application/*"):
            return JSON, False
        if quality < 0 and media == "text/*":
            return CSV, header
    return "", False


def _parameters(tail: str, whole: str) -> Iterator[tuple[str, str]]:
    place = 0
    while place < len(tail.rstrip("; \t")):
        found = _PARAMETER.match(tail, place)
        if found is None:
            raise Refusal(
                400, f"the content type {whole[:100]!r} cannot be read; write options as name=value, after a ';'"
            )
        value = found[2].strip()
        if value.startswith('"'):
            value = re.sub(r"\\(.)", r"\1", value[1:-1])
        yield found[1].lower(), value
        place = found.end()


def _charset(name: str) -> str:
    try:
        known = codecs.lookup(name)
        if not known._is_text_encoding or known.name in ("idna", "punycode", "unicode_escape", "raw_unicode_escape"):
            raise LookupError
    except (LookupError, ValueError) as error:
        raise Refusal(415, f"charset {name[:60]!r} is not known; send UTF-8") from error
    return "utf-8-sig" if known.name == "utf-8" else known.name
