"""The way of SageMaker on this machine: one job, one tuning job, one endpoint.

The data are scikit-learn's diabetes data in a CSV file: 442 patients, ten measurements, and
the progression of the disease. All files go to a temporary folder.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
from sklearn.datasets import load_diabetes

from byoe import EnsembleRegressor, learner, sagemaker


def main() -> None:
    """Train, tune, deploy, predict, delete."""
    table = load_diabetes(as_frame=True).frame.sample(frac=1.0, random_state=0, ignore_index=True)
    new_patients = table[400:]
    ensemble = EnsembleRegressor(
        ["ridge", learner("catboost", n_rounds=100), learner("xgboost", n_rounds=100)], random_state=0
    )
    with tempfile.TemporaryDirectory() as folder:
        train = Path(folder, "train.csv")
        table[:400].to_csv(train, index=False)
        options = {"target": "target", "instance_type": "local", "output": Path(folder, "jobs")}

        job = sagemaker.fit(ensemble, train, **options, logs=False)
        print(f"{job.name}: {job.status} in {job.seconds:.1f} s")
        for name, value in job.metrics.items():
            if name.endswith(":rmse"):
                print(f"  {name:<22} {value:.2f}")

        space = {"learning_rate": (0.02, 0.1, "log"), "max_depth": (2, 4)}
        tuning = sagemaker.tune(ensemble, space, train, **options, max_jobs=2, seed=0)
        print(f"\n{tuning.name}: {tuning.objective}")
        for trial in tuning.trials:
            params = ", ".join(f"{name}={value:.3g}" for name, value in trial["params"].items())
            print(f"  trial {trial['number']}: {trial['objective']:.2f} with {params}")

        endpoint = sagemaker.deploy(tuning, instance_type="local")
        print(f"\nserving {tuning.best_job.name} at {endpoint.url}")
        predicted = endpoint.predict(new_patients.drop(columns="target"))
        endpoint.delete()
    error = np.sqrt(np.mean((predicted - new_patients["target"]) ** 2))
    print(f"RMSE on {len(predicted)} rows that no job has seen: {error:.2f}")


if __name__ == "__main__":
    main()
