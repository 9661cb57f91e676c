"""What a fitted ensemble tells of rows that are not like those of its training."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ..data._input import learn_table
from ..data._profile import Outside, Profile
from ..errors import BundleError
from ..fitted._predicted import known_predictions
from ..scoring._baseline import CONSTRAINTS, STATISTICS, Baseline, baseline
from ..scoring._drift import Drift, drift
from ..tools._whole import whole_file
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

    def baseline(self, path: str | Path, X: Any) -> Baseline:
        """Write what rows hold, and what is predicted for them, for monitors of data: a baseline to compare with.

        Two files, ``statistics.json`` and ``constraints.json``, in the form of SageMaker Model Monitor. The first
        columns are the predictions, as in what an endpoint captures; of one output they are called ``predictions``.
        Columns without names are called ``_c0``, ``_c1``, …, predictions included.

        Parameters
        ----------
        path : str or Path
            A folder, which is made if it is not there.
        X : array-like or frame of shape (n_samples, n_features)
            Rows to compare with. Of the table that the ensemble was fitted on, predictions are those of models that
            had not seen the row, as far as these are known, and rows of weight zero are left out; of others they are
            those of ``predict``.

        Returns
        -------
        Baseline
            The paths ``statistics`` and ``constraints``.

        Raises
        ------
        InputError
            When the rows are not like those of the fit, or are a sparse matrix.

        Notes
        -----
        Each column has a type (``Integral``, ``Fractional``, ``String``, or ``Unknown`` where all cells are missing),
        by how pandas writes its cells to CSV: booleans and dates are texts, and categories are numbers where all of
        them are such. Numbers have mean, standard deviation (of all rows, ``ddof=0``), range, ten buckets of equal
        width and a sketch of quantiles (Karnin, Lang & Liberty, 2016), whose ranks are off by at most a 2048th of the
        rows; tables of more than 194 columns have smaller ones. Texts have the times of each value where there are at
        most 120, and these are the domain unless more than a tenth of them is there once only; dates have neither.

        Examples
        --------
        >>> import json, tempfile
        >>> from sklearn.datasets import load_diabetes
        >>> from byoe import EnsembleRegressor
        >>> X, y = load_diabetes(return_X_y=True, as_frame=True)
        >>> ensemble = EnsembleRegressor(("ridge",), random_state=0).fit(X, y)
        >>> made = ensemble.baseline(tempfile.mkdtemp(), X)
        >>> statistics = json.loads(made.statistics.read_text())
        >>> [column["name"] for column in statistics["features"]][:3], statistics["dataset"]
        (['predictions', 'age', 'sex'], {'item_count': 442})
        """
        table = self._read(X)
        form = self._form
        of_fit, known = table.digest() == self._record.table, self._out_of_fold
        if not of_fit or known is None or not known.scored.any():
            blended = self._blended(table)
        else:
            used = np.ones(len(table), dtype=bool) if known.weight is None else known.weight > 0
            blended = known.blend[known.scored & used]
            table = table if used.all() else table.some(used)
        if not of_fit:  # whose categories may be others
            found, table = learn_table(X, [i for i, column in enumerate(form.columns) if column.kind == "category"])
            form = replace(found, names=form.names, labels=form.labels)
        answers = self._labels(blended) if self._task.is_classification else blended
        written = Baseline(Path(path, STATISTICS), Path(path, CONSTRAINTS))
        for target, content in zip(written, baseline(form, table, answers), strict=True):
            with whole_file(Path(target)) as file:
                file.write_text(json.dumps(content, allow_nan=False), encoding="utf-8", newline="\n")
        return written

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
