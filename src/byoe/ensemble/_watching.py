"""What a fitted ensemble tells of rows that are not like those of its training."""

from __future__ import annotations

from typing import Any

from ..data._profile import Outside, Profile
from ..errors import BundleError
from ..fitted._predicted import known_predictions
from ..scoring._drift import Drift, drift
from ._transform import TransformingEnsemble


class WatchingEnsemble(TransformingEnsemble):
    """A comparison of rows with those of the training."""

    def drift(self, X: Any, *, predictions: bool = True) -> Drift:
        """Return how rows differ from those of the training: a table with a row for each column, the worst one first.

        A verdict is

        - ``"outside"`` where more cells are beyond the range of training, or of categories that it did not hold, than
          further rows of the training would have (a beta-binomial law: Gumbel & von Schelling, 1950; of categories by
          the share of those that were there once: Good, 1953), or where one is farther away than the range is wide;
        - ``"shifted"`` where the population stability index (Lewis, 1994; Siddiqi, 2006) is 0.1 or more, and more than
          it is by chance with so few rows (Yurdakul & Naranjo, 2020), or where so many more or fewer cells are missing;
        - ``"later"`` for dates after the last one of training, whatever their number: time goes on. Durations are
          numbers;
        - ``"same"`` otherwise.

        By chance means that of a hundred tables like the training's one has a column that is said to differ.

        Parameters
        ----------
        X : array-like, frame or sparse matrix of shape (n_samples, n_features)
            As for ``predict``.
        predictions : bool, default=True
            Whether predictions of the rows are compared, too, with those of training rows that the models did not
            see: of two classes the probability of the second one, of more the class.

        Returns
        -------
        Drift
            A list of dictionaries, printed as a table, with ``to_frame()`` and ``notes``; ``drift["carat"]`` is the row
            of a column. Shares are of the rows of ``X``; a column without a name is called by its number.

        Raises
        ------
        InputError
            When the rows are not like those of the fit.
        BundleError
            When the ensemble is of a bundle that does not tell what training held.

        Examples
        --------
        >>> from sklearn.datasets import load_diabetes
        >>> from byoe import EnsembleRegressor
        >>> X, y = load_diabetes(return_X_y=True, as_frame=True)
        >>> ensemble = EnsembleRegressor(("ridge",), random_state=0).fit(X[:300], y[:300])
        >>> ensemble.drift(X[300:].assign(bmi=lambda X: 1000 * X["bmi"]))["bmi"]["verdict"]
        'outside'
        """
        table, profile = self._read(X), self._known_profile()
        predicted = known_predictions(self, self._blended(table)) if predictions else {}
        return drift(profile, self._form, table, predicted)

    def _outside(self, X: Any) -> Outside:
        """Return which cells of rows are beyond what training held."""
        return self._known_profile().outside(self._read(X).values, self._form)

    def _known_profile(self) -> Profile:
        if self._profile is None:
            raise BundleError(
                "nothing is known of what training held: the ensemble was saved without its profile, or by a version "
                "of byoe that kept none. Fit and save it again to compare rows with the training"
            )
        return self._profile
