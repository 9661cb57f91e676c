"""Pictures within the page: vectors whose lines have the colour of its text, by day and by night."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from html import escape
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from ..errors import InputError, ParameterError, need
from ..tools._warnings import hearing, warnings_filtered
from ._html import figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Stands for the colour of the page's text until the picture is in the page.
_INK = "#010203"
_GREY = "#808080"
_WIDTH, _HEIGHT, _SQUARE, _ROW, _REST = 5.6, 3.6, 4.4, 0.32, 1.3  # inches
_MOST_VECTORS = 800
_PROLOG = re.compile(r"^.*?(?=<svg)", re.DOTALL)
_LEFT_OUT = re.compile(r"<metadata>.*?</metadata>|<style[^>]*>.*?</style>", re.DOTALL)
_SIZE = re.compile(
    r'(<svg[^>]*?) width="[^"]*"([^>]*?) height="[^"]*"|(<svg[^>]*?) height="[^"]*"([^>]*?) width="[^"]*"'
)
_ADDRESS = re.compile(r'(\bid="|xlink:href="#|url\(#)')
_COMMENTS = re.compile(r"<!--.*?-->\n?", re.DOTALL)


@dataclass
class Album:
    """The pictures of a page.

    Attributes
    ----------
    wanted : bool
        Whether there are to be any.
    able : bool
        Whether there is a library that draws.
    """

    wanted: bool = True
    able: bool = field(default_factory=lambda: find_spec("matplotlib") is not None)
    _count: int = 0

    def draw(self, paint: Callable[[Axes], Any], caption: str, *, rows: int = 0, square: bool = False) -> str:
        """Return a figure; empty where nothing can be drawn, or the picture is not of such an ensemble.

        What is warned of meanwhile is told below it, and why it could not be drawn.

        Parameters
        ----------
        paint : callable of Axes
        caption : str
        rows : int, default=0
            How many rows of names there are.
        square : bool, default=False
        """
        if not (self.wanted and self.able):
            return ""
        with _style():
            made: Figure = need("matplotlib.figure", "plots", "a picture").Figure(
                figsize=(_WIDTH, max(_SQUARE if square else _HEIGHT, _ROW * rows + _REST)), layout="constrained"
            )
            ax = made.subplots()
            try:
                with hearing() as warned, warnings_filtered(("ignore",)):
                    paint(ax)
                drawing = _drawing(made, f"picture-{self._count + 1}-", caption)
            except (ParameterError, InputError):  # such as several targets, or a blender without weights
                return ""
            except Exception as error:  # the rest of the page is as true without it
                return figure("", f"{caption} Not drawn: {type(error).__name__}: {error}")
            self._count += 1
            return figure(drawing, " ".join([caption, *warned]))


@contextmanager
def _style() -> Iterator[None]:
    """Draw as the page looks, whatever style the user has chosen."""
    rc: Any = need("matplotlib", "plots", "a picture")
    lines = ("text.color", "axes.labelcolor", "axes.edgecolor", "axes.titlecolor", "xtick.color", "ytick.color")
    grounds = ("figure.facecolor", "axes.facecolor", "savefig.facecolor")
    own = {
        **dict.fromkeys(lines, _INK),
        **dict.fromkeys(grounds, "none"),
        "axes.spines.top": False,
        "axes.spines.right": False,
        "legend.edgecolor": "none",
        "text.parse_math": False,  # names are text
        "font.size": 10,
        "svg.hashsalt": "byoe",
        "svg.fonttype": "path",  # which looks alike wherever it is opened
    }
    with rc.rc_context():
        rc.rcdefaults()
        rc.rcParams.update(own)
        yield


def _drawing(made: Figure, prefix: str, told: str) -> str:
    for ax in made.axes:
        for drawn in ax.collections:
            _spare(drawn)
    file = io.StringIO()
    made.savefig(file, format="svg", dpi=110, metadata={"Date": None, "Creator": None})
    svg = _PROLOG.sub("", file.getvalue())
    svg = _COMMENTS.sub("", _LEFT_OUT.sub("", svg))
    svg = _SIZE.sub(lambda found: "".join(part or "" for part in found.groups()), svg, count=1)
    svg = _ADDRESS.sub(rf"\g<1>{prefix}", svg)  # addresses are of the whole page
    svg = svg.replace("<svg", f'<svg role="img" aria-label="{escape(told)}"', 1)
    return svg.replace(_INK, "currentColor")


def _spare(drawn: Any) -> None:
    """Make dots or lines of very many a picture of pixels, whose ink is seen on any ground."""
    colours: Any = need("matplotlib.colors", "plots", "a picture")
    many = max(len(drawn.get_offsets()), len(drawn.get_paths())) > _MOST_VECTORS
    if many:
        drawn.set_rasterized(True)
    if drawn.get_rasterized():
        for kind in ("facecolor", "edgecolor"):
            own = getattr(drawn, f"get_{kind}")()
            if len(own) and colours.to_hex(own[0]) == _INK:
                getattr(drawn, f"set_{kind}")((*colours.to_rgb(_GREY), own[0][3]))
