"""What several jobs of this machine have made, in one artifact."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar


class LocalModels:
    """Ensembles of several jobs, for one endpoint on this machine.

    Attributes
    ----------
    name : str
    artifact : Path
        The folder that holds them, which an endpoint reads from as long as it is there.
    models : list of str
        The names that they are asked for by.
    has_graph : bool
        Whether each holds a graph.
    """

    kind: ClassVar[str] = "set of models"
    place: ClassVar[str] = "local"

    def __init__(self, name: str, artifact: Path, models: Sequence[str], *, has_graph: bool) -> None:
        self.name = name
        self.artifact = artifact
        self.models = list(models)
        self.has_graph = has_graph

    def __repr__(self) -> str:
        return f"LocalModels({self.name!r}, models={self.models!r})"

    def completed(self) -> LocalModels:
        """Return it: the jobs have ended before it was made."""
        return self
