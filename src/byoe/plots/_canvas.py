"""What all pictures share: axes, colours, labels that fit, and a table of coloured cells."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..contracts._task import FloatArray
from ..errors import ParameterError, need

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.image import AxesImage

# Okabe & Ito (2008), those that are seen on a light and on a dark ground.
BLUE, VERMILLION, GREEN, PURPLE, ORANGE, SKY = "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9"
COLOURS = (BLUE, VERMILLION, GREEN, PURPLE, ORANGE, SKY)
DASHES = ("-", "--", ":", "-.")
MARKERS = "osD^vP"

_LETTERS = 24  # of a line of the name of a row
_LETTERS_OF_AXES = (44, 30)  # the second one is read upwards, where there is less room
_POINTS = 72  # to an inch
_TALL, _WIDE = 1.25, 0.62  # a line and a letter, in units of the size of the font
_TOO_SMALL = 4.5  # points


def canvas(ax: Axes | None, *, rows: int = 0, columns: int = 0) -> Axes:
    """Return the axes to draw into: those of the user, or those of a new figure with room for labelled rows."""
    pyplot: Any = need("matplotlib.pyplot", "plots", "a picture")
    if ax is None:
        width, height = pyplot.rcParams["figure.figsize"]
        size = (max(width, 0.35 * columns + 2.0), max(height, 0.35 * rows + 1.2))
        made: Axes = pyplot.subplots(figsize=size, layout="constrained")[1]
        return made
    if not hasattr(ax, "get_xaxis_transform"):
        raise ParameterError(f"ax is {type(ax).__name__}, expected matplotlib's Axes, such as plt.subplots()[1]")
    return ax


def ink() -> Any:
    """Return the colour of lines that belong to no data, which the style in use decides."""
    rc: Any = need("matplotlib", "plots", "a picture").rcParams
    return rc["text.color"]


def short(text: Any, letters: int = _LETTERS) -> str:
    """Return a text without its middle where it is long: names often differ at their ends.

    Examples
    --------
    >>> short("the_number_of_rooms_of_a_house")
    'the_number_of_…f_a_house'
    """
    whole = " ".join(str(text).split())
    tail = (letters - 1) * 2 // 5
    return whole if len(whole) <= letters else f"{whole[: letters - 1 - tail]}…{whole[-tail:]}"


def shortened(names: Sequence[Any], letters: int = _LETTERS) -> list[str]:
    """Return names of at most so many letters, or of as many more as it takes to tell them apart.

    Examples
    --------
    >>> shortened(["class 1 of many", "class 2 of many"], 8)
    ['class 1…many', 'class 2…many']
    """
    made = [short(name, letters) for name in names]
    while len(set(made)) < len({short(name, len(str(name))) for name in names}):
        letters += 1
        made = [short(name, letters) for name in names]
    return made


def font_size(room: float, usual: float) -> float:
    """Return the size of a font whose lines fit into so many points, at most the usual one."""
    return float(np.clip(room / _TALL, _TOO_SMALL, usual))


def letters_in(width: float, size: float) -> int:
    """Return how many letters of a name are written into so many points."""
    return int(np.clip(width / (_WIDE * size), 8, _LETTERS))


def room(ax: Axes, rows: int, columns: int) -> tuple[float, float]:
    """Return the height and the width, in points, of each of the rows and columns of a picture."""
    box = ax.get_window_extent()
    scale = _POINTS / ax.figure.dpi
    return box.height * scale / max(rows, 1), box.width * scale / max(columns, 1)


def usual_size(of: str = "ytick.labelsize") -> float:
    """Return the size of the font of labels, in points, which the style in use decides."""
    manager: Any = need("matplotlib.font_manager", "plots", "a picture")
    rc: Any = need("matplotlib", "plots", "a picture").rcParams
    return float(manager.FontProperties(size=rc[of]).get_size_in_points())


def of_rows(ax: Axes, rows: int) -> tuple[float, int]:
    """Return the size of the font for the names of rows, and the letters that there is room for."""
    height, width = room(ax, rows, 1)
    size = font_size(height, usual_size())
    return size, letters_in(0.6 * width, size)


def name_rows(ax: Axes, names: Sequence[str], what: str) -> None:
    """Name the rows of a picture, the first one on top, and what is drawn in them."""
    size, letters = of_rows(ax, len(names))
    # A name such as "price_$" is no formula.
    ax.set_yticks(range(len(names)), shortened(names, letters), parse_math=False, fontsize=size)
    ax.set_ylim(len(names) - 0.4, -0.6)
    ax.tick_params(axis="y", length=0)
    # To the left there is the room of the names.
    ax.set_xlabel(what, parse_math=False, loc="right")
    grid(ax, "x")


def grid(ax: Axes, axis: Any = "both") -> None:
    """Draw faint lines behind the data, at ticks whose labels do not touch."""
    from ._ticks import with_room

    with_room(ax, _WIDE * usual_size("xtick.labelsize"))
    ax.set_axisbelow(True)
    ax.grid(visible=True, axis=axis, color=ink(), alpha=0.15, linewidth=0.8, linestyle="-")


def label(ax: Axes, x: str, y: str = "") -> None:
    """Name the axes; what is in the names is text and no formula."""
    wrapped = [
        "\n".join(line for part in text.split("\n") for line in textwrap.wrap(part, letters, break_on_hyphens=False))
        for text, letters in zip((x, y), _LETTERS_OF_AXES, strict=True)
    ]
    ax.set_xlabel(wrapped[0], parse_math=False)
    ax.set_ylabel(wrapped[1], parse_math=False)


def legend(ax: Axes, place: Any = "best") -> None:
    """Tell what the artists with a label are."""
    entries = len(ax.get_legend_handles_labels()[1])
    size = "small" if entries <= 6 else "x-small" if entries <= 10 else "xx-small"
    made = ax.legend(loc=place, fontsize=size, framealpha=0.8)
    for text in made.get_texts():
        text.set_parse_math(False)
    for handle in made.legend_handles:
        if handle is not None:
            handle.set_alpha(1.0)


def of_unit_square(ax: Axes) -> None:
    """Give both axes the room from zero to one."""
    ax.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))
    ax.set_aspect("equal", adjustable="box")
    grid(ax)


def cells(
    ax: Axes,
    values: FloatArray,
    texts: Sequence[Sequence[str]],
    names: Sequence[str],
    limits: tuple[float, float],
) -> AxesImage:
    """Draw a square table of coloured cells, with texts where they can be read."""
    image = ax.imshow(values, cmap="Blues", vmin=limits[0], vmax=limits[1])
    height, width = room(ax, len(names), len(names))
    size = font_size(min(height, width), usual_size())
    letters = letters_in(0.35 * len(names) * width, size)
    shown = shortened(names, letters)
    turned: dict[str, Any] = {"rotation": 45, "ha": "right", "rotation_mode": "anchor"}
    upright = max(map(len, shown)) * _WIDE * size < width
    ax.set_xticks(range(len(names)), shown, parse_math=False, fontsize=size, **({} if upright else turned))
    ax.set_yticks(range(len(names)), shown, parse_math=False, fontsize=size)
    ax.tick_params(length=0)
    _write(image, ax, values, texts, min(height, width))
    return image


def _write(image: AxesImage, ax: Axes, values: FloatArray, texts: Sequence[Sequence[str]], side: float) -> None:
    lines = [line for row in texts for text in row for line in text.split("\n")]
    size = min(side / (_WIDE * (max(map(len, lines)) + 1)), usual_size())
    if size < _TOO_SMALL:
        return
    light, dark = image.cmap(0.0), image.cmap(1.0)
    for row, column in np.ndindex(values.shape):
        ground = image.cmap(image.norm(values[row, column]))
        colour = max(light, dark, key=lambda text: contrast(text, ground))
        ax.text(column, row, texts[row][column], ha="center", va="center", color=colour, fontsize=size)


def contrast(one: Any, other: Any) -> float:
    """Return the contrast of two colours, 1 to 21, as web pages are judged by (WCAG 2, 2008)."""
    low, high = sorted(map(_luminance, (one, other)))
    return (high + 0.05) / (low + 0.05)


def _luminance(colour: Any) -> float:
    rgb = np.asarray(colour[:3])
    linear = np.where(rgb <= 0.03928, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    return float(linear @ (0.2126, 0.7152, 0.0722))
