import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from byoe.sagemaker.shared._metric_lines import metric_definitions, metric_line, read_metrics

labels = st.from_regex(r"[a-z][a-z0-9]{0,8}(_[a-z0-9]{1,4})?", fullmatch=True) | st.sampled_from(
    ["validation", "member", "rmse"]
)
metrics = st.sampled_from(["rmse", "mae", "r2", "log_loss", "accuracy", "roc_auc"])


@given(st.floats(allow_nan=True, allow_infinity=True, width=64))
def test_every_float_survives(value):
    definitions = metric_definitions(["validation:rmse"])
    found = read_metrics(f"noise\n{metric_line('validation:rmse', value)}\nnoise", definitions)["validation:rmse"]
    assert found == value or (math.isnan(found) and math.isnan(value))


@given(st.dictionaries(st.tuples(labels, metrics), st.floats(-1e9, 1e9), min_size=1, max_size=6), st.data())
def test_a_regex_finds_its_own_line_and_no_other(members, data):
    values = {f"member:{label}:{metric}": value for (label, metric), value in members.items()}
    values |= {f"validation:{metric}": data.draw(st.floats(-1e9, 1e9)) for _, metric in members}
    log = "\n".join(metric_line(name, value) for name, value in values.items())
    for definition in metric_definitions(values):
        lines = [line for line in log.splitlines() if re.search(definition["Regex"], line)]
        assert lines == [metric_line(definition["Name"], values[definition["Name"]])]
    assert read_metrics(log, metric_definitions(values)) == values


@pytest.mark.parametrize(
    "line",
    [
        "validation:rmse=;",
        "validation:rmse=abc;",
        "validation:rmse=1.5",
        "myvalidation:rmse=1.5;",
        "validation:rmse2=1.5;",
    ],
)
def test_what_is_no_metric_line_is_not_taken_for_one(line):
    assert read_metrics(line, metric_definitions(["validation:rmse"])) == {}


def test_full_precision():
    assert metric_line("validation:rmse", 1 / 3) == "validation:rmse=0.3333333333333333;"
