"""The page of a package index: README.md, whose links into the repository lead nowhere there."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface

_INTO_THE_REPOSITORY = re.compile(r"\[([^\]]+)\]\((?!https?://|#)[^)]*\)")


class ReadmeHook(MetadataHookInterface):
    """Makes the readme of the metadata, which no tool reads from a file then."""

    PLUGIN_NAME = "custom"

    def update(self, metadata: dict[str, Any]) -> None:
        """Set the readme."""
        page = Path(self.root, "README.md").read_text(encoding="utf-8")
        metadata["readme"] = {"content-type": "text/markdown", "text": without_links(page)}


def without_links(page: str) -> str:
    """Return a page of Markdown with the words of its relative links alone."""
    return _INTO_THE_REPOSITORY.sub(r"\1", page)
