"""What an interrupted fit says: what of it is kept."""

from __future__ import annotations

from types import TracebackType

from ..store._stored_tasks import StoredTasks


class TellingWhatIsKept:
    """Adds to an interrupt a note of what the store has of the fit.

    A note, since whoever catches the interrupt may want to be silent, and a notebook shows it below the traceback,
    which ends here: where in the engine an interrupt arrived tells nobody anything.

    Parameters
    ----------
    stored : StoredTasks or None
    """

    def __init__(self, stored: StoredTasks | None) -> None:
        self._stored = stored

    def __enter__(self) -> None:
        pass

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if isinstance(error, KeyboardInterrupt):
            error.add_note(f"byoe: {self._note}")
            raise error.with_traceback(None) from None

    @property
    def _note(self) -> str:
        if self._stored is None:
            return (
                "the fit was interrupted, and nothing of it is kept. With store='folder' every member is kept fold by "
                "fold, and the same call goes on from there"
            )
        folder, told = self._stored.folder, self._stored.told
        if not told:
            return f"the fit was interrupted before its first task was kept in the store {folder}"
        return f"the fit was interrupted. The store {folder} has {told}; the same call goes on from there"
