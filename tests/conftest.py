import os
import signal

# Started in the background by a shell, this process ignores interrupts, and so would all that tests start and end.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# One core per test process: tests run in parallel, and results must not depend on the machine.
os.environ.setdefault("LOKY_MAX_CPU_COUNT", "1")

import numpy as np
import pytest
from sklearn.datasets import load_diabetes, load_iris


@pytest.fixture(scope="session")
def diabetes():
    return load_diabetes(return_X_y=True)


@pytest.fixture(scope="session")
def diabetes_frame():
    return load_diabetes(as_frame=True).frame


@pytest.fixture(scope="session")
def iris():
    X, y = load_iris(return_X_y=True)
    return X, np.array(["setosa", "versicolor", "virginica"])[y]


@pytest.fixture
def rng():
    return np.random.default_rng(0)
