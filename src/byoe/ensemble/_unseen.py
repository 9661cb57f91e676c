"""What a fitted ensemble knows of rows that its models did not see."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..contracts._task import FloatArray
from ..fitted._out_of_fold import OutOfFold


class KnowsUnseenRows:
    """The out-of-fold data as public attributes."""

    _out_of_fold: OutOfFold | None = None

    @property
    def _oof(self) -> OutOfFold:
        return self._out_of_fold_for("the out-of-fold data")

    @property
    def oof_predictions_(self) -> FloatArray:
        """What a model that did not see it predicts for each row, of shape (n_samples, n_members[, …])."""
        return self._out_of_fold_for("oof_predictions_").predictions

    @property
    def oof_blend_(self) -> FloatArray:
        """What fold models and a blender that did not see it make of each row; NaN where there are none.

        Of shape (n_samples,), (n_samples, n_outputs) or (n_samples, n_classes); ``score_estimate_`` is its score.
        """
        oof = self._out_of_fold_for("oof_blend_")
        blend = oof.blend.copy()
        blend[~oof.scored] = np.nan
        return blend

    @property
    def coverage_(self) -> NDArray[np.bool_]:
        """Which rows have an out-of-fold prediction, of shape (n_samples,)."""
        return self._out_of_fold_for("coverage_").coverage

    def _out_of_fold_for(self, name: str) -> OutOfFold:
        if self._out_of_fold is not None:
            return self._out_of_fold
        if not hasattr(self, "members_"):
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}: it is not fitted yet")
        raise AttributeError(
            f"{name} is not there, since the ensemble was saved without its out-of-fold data. To blend again, for "
            "intervals and to diagnose, save it with oof=True"
        )
