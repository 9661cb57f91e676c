"""`EnsembleRegressor` and `EnsembleClassifier`, and all that they can do.

One class above the other, each with a file of its own: parameters of members (`_parameters`), the fit (`_base`),
bundles (`_saving`), the members' predictions as columns (`_transform`), rows beside those of the training
(`_watching`), what a fitted ensemble can be turned into (`_after_fit`), what it tells of its predictions
(`_explaining`), the page that tells all of it (`_reporting`), and the two that users see.
"""
