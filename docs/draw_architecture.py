"""Draws `architecture.svg` from the code: ``python docs/draw_architecture.py``.

The folders stand on floors: each above all that it imports. The way of the data is that of a fit, a
save and a request which this script runs and watches.
"""

from __future__ import annotations

import ast
import json
import sys
import tempfile
import textwrap
import threading
from collections import Counter
from html import escape
from pathlib import Path
from types import FrameType
from typing import Any

SOURCE = Path(__file__).parents[1] / "src" / "byoe"
PICTURE = Path(__file__).with_name("architecture.svg")
# The face imports by name, on first use; the rest of the top is what all others stand on.
LEFT_OUT = {"__init__", "errors", "_version", "plugins", "_load"}
# Where the data stop on their way: what each function makes of them.
STOPS = {
    "ensemble/_base.py:fit": "fit(X, y)",
    "data/_input.py:infer_table": "X becomes a Table, described once",
    "folds/_splits.py:make_plan": "the folds, the same for all members",
    "engine/_crossfit.py:cross_fit": "tasks: every member on every fold",
    "engine/_one_task.py:carry_out": "one task: rows in, a model and its out-of-fold predictions out",
    "learners/linear.py:_model": "a learner's model",
    "engine/_blend.py:fit_blend": "the blender learns from the out-of-fold predictions alone",
    "scoring/_board.py:board": "what members and blend are worth",
    "bundle/_writer.py:write": "save(): a folder of native files and a manifest",
    "bundle/_reader.py:members": "the endpoint reads it",
    "serving/_requests.py:read_request": "a request's body becomes rows",
    "fitted/_predicting.py:_blended": "the members' predictions, blended",
    "serving/_answers.py:write": "the answer, in the form that was asked for",
}
WIDTH, BOX, GAP, FLOOR, TOP = 1180, 200, 16, 116, 30


def imports() -> dict[str, set[str]]:
    """Return, by folder, the folders that its files import, also inside functions."""
    graph: dict[str, set[str]] = {}
    for file in sorted(SOURCE.rglob("*.py")):
        parts = file.relative_to(SOURCE).with_suffix("").parts
        graph.setdefault(parts[0], set())
        tree = ast.parse(file.read_text(encoding="utf-8"))
        for_types = {
            inner
            for node in ast.walk(tree)
            if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
            for inner in ast.walk(node)
        }
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and node.level == len(parts) and node not in for_types:
                names = [node.module] if node.module else [alias.name for alias in node.names]
                graph[parts[0]].update(name.split(".")[0] for name in names)
    return {
        folder: {other for other in others if other in graph} - LEFT_OUT - {folder}
        for folder, others in graph.items()
        if folder not in LEFT_OUT
    }


def floors(graph: dict[str, set[str]]) -> list[list[str]]:
    """Return the folders by floor, the ground first: each stands above all that it imports."""
    height: dict[str, int] = {}
    while len(height) < len(graph):
        for folder, others in graph.items():
            if others <= height.keys():
                height[folder] = max((height[other] + 1 for other in others), default=0)
    return [sorted(f for f in height if height[f] == floor) for floor in range(max(height.values()) + 1)]


def watched() -> list[tuple[str, str]]:
    """Fit, save, load and serve a small ensemble; return the stops of the data in the order in which they come."""
    from sklearn.datasets import load_diabetes

    from byoe import EnsembleRegressor, serving

    seen: list[str] = []

    def watch(frame: FrameType, event: str, _: Any) -> None:
        file = frame.f_code.co_filename
        if event == "call" and file.startswith(str(SOURCE)):
            stop = f"{Path(file).relative_to(SOURCE).as_posix()}:{frame.f_code.co_name}"
            if stop in STOPS and stop not in seen:
                seen.append(stop)

    X, y = load_diabetes(return_X_y=True)
    ensemble = EnsembleRegressor(("ridge", "elastic_net"), "mean", cv=3, n_jobs=1, random_state=0)
    before = sys.getprofile()
    threading.setprofile(watch)
    sys.setprofile(watch)
    try:
        with tempfile.TemporaryDirectory() as folder:
            ensemble.fit(X, y).save(f"{folder}/model")
            model = serving.model_fn(f"{folder}/model")
            request = serving.input_fn(json.dumps(X[:1].tolist()), "application/json")
            serving.output_fn(serving.predict_fn(request, model), "application/json")
    finally:
        sys.setprofile(before)
        threading.setprofile(None)
    return [(stop, STOPS[stop]) for stop in seen]


def caption(folder: str) -> str:
    """Return the first sentence of a folder's docstring."""
    said = ast.get_docstring(ast.parse((SOURCE / folder / "__init__.py").read_text(encoding="utf-8"))) or ""
    return said.split("\n\n")[0].replace("\n", " ").replace("`", "").rstrip(".")


def drawn() -> str:
    """Return the picture."""
    levels = floors(imports())
    places: dict[str, tuple[float, float]] = {}
    height = TOP + FLOOR * len(levels)
    parts = []
    for floor, folders in enumerate(levels):
        y = height - FLOOR * (floor + 1) + 10
        start = 20 + (WIDTH - 440 - len(folders) * (BOX + GAP)) / 2
        for number, folder in enumerate(folders):
            x = start + number * (BOX + GAP)
            places[folder] = x, y
            lines = textwrap.wrap(caption(folder), 30)[:4]
            parts.append(
                f'<rect x="{x:.0f}" y="{y}" width="{BOX}" height="{FLOOR - 26}" rx="6" class="box"/>'
                f'<text x="{x + 10:.0f}" y="{y + 20}" class="name">{folder}/</text>'
                + "".join(
                    f'<text x="{x + 10:.0f}" y="{y + 37 + 13 * i}" class="small">{escape(line)}</text>'
                    for i, line in enumerate(lines)
                )
            )
    way = watched()
    left = Counter(stop.split("/")[0] for stop, _ in way)
    listed = []
    for number, (stop, what) in enumerate(way, start=1):
        folder = stop.split("/")[0]
        x, y = places[folder]
        left[folder] -= 1
        seat = left[folder]
        parts.append(
            f'<circle cx="{x + BOX - 12 - 22 * seat:.0f}" cy="{y + 2}" r="10" class="stop"/>'
            f'<text x="{x + BOX - 12 - 22 * seat:.0f}" y="{y + 6}" class="number">{number}</text>'
        )
        place, function = stop.split(":")
        below = TOP + 48 * number
        listed.append(
            f'<circle cx="{WIDTH - 390}" cy="{below - 4}" r="10" class="stop"/>'
            f'<text x="{WIDTH - 390}" y="{below}" class="number">{number}</text>'
            f'<text x="{WIDTH - 370}" y="{below - 4}" class="name">{place.removesuffix(".py")}: {function}</text>'
            f'<text x="{WIDTH - 370}" y="{below + 12}" class="small">{escape(what)}</text>'
        )
    height = max(height, TOP + 48 * (len(listed) + 1))
    style = (
        "text{font-family:sans-serif;fill:#1c2733}.name{font-size:13px;font-weight:bold}.small{font-size:11px}"
        ".number{font-size:11px;fill:#fff;text-anchor:middle}.box{fill:#eef3f8;stroke:#8aa0b6}.stop{fill:#b4531f}"
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img" '
        'aria-label="The folders of byoe on floors, each above all that it imports, and the way of the data">'
        f'<style>{style}</style><rect width="{WIDTH}" height="{height}" fill="#fff"/>'
        + "\n".join(parts + listed)
        + "</svg>\n"
    )


if __name__ == "__main__":
    PICTURE.write_text(drawn(), encoding="utf-8")
