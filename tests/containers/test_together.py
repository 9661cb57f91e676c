"""Several ensembles behind one endpoint, by the container's real serving stack."""

import numpy as np
import pytest

import byoe
from byoe import EnsembleRegressor
from byoe.errors import InputError


def test_one_container_answers_by_each_of_two(platform, on_aws, tables):
    train, rows = tables
    jobs = {
        name: byoe.sagemaker.fit(
            EnsembleRegressor((member,), "mean", cv=3, random_state=0), train, target="target", logs=False, **on_aws
        )
        for name, member in {"north": "ridge", "south": "knn"}.items()
    }
    with byoe.sagemaker.deploy(byoe.sagemaker.together(jobs), environment={"BYOE_MODELS_MB": "0.001"}) as endpoint:
        for name in ("south", "north", "south"):
            np.testing.assert_array_equal(endpoint.predict(rows, model=name), jobs[name].ensemble().predict(rows))
        with pytest.raises(InputError, match="answered 400: there is no model 'east'.*of north, south"):
            endpoint.predict(rows, model="east")
        log = endpoint.log
        assert log.count("model south is loaded; 1 of 2 are held") == 2
        assert "model north is let go, for another one's memory" in log
    assert platform.left() == []
