"""`EnsembleRegressor` and `EnsembleClassifier`, and all that they can do.

One class above the other, each with a file of its own: parameters of members (`_parameters`), the fit (`_base`),
the members' predictions as columns (`_transform`), what a fitted ensemble can be turned into (`_after_fit`), and
the two that users see.
"""
