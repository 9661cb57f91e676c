"""The commands that the page on watching shows are of the services' own form, and their filter reads byoe's lines."""

import json
import re
import shlex
from pathlib import Path

import numpy as np
import pytest
from tests.aws.service_model import faults, model

from byoe.data._column import Column
from byoe.data._form import TableForm
from byoe.data._profile import Profile
from byoe.data._table import Table
from byoe.serving._watch import Watch
from byoe.serving._watch_log import NAMESPACE, WatchLog

PAGE = (Path(__file__).parents[2] / "docs" / "watching.md").read_text(encoding="utf-8")
COMMANDS = [
    shlex.split(line.removeprefix("$ "))
    for block in re.findall(r"```console\n(.*?)```", PAGE, re.DOTALL)
    for line in block.replace("\\\n", " ").splitlines()
]


def request_of(words):
    """Return service, operation and request of a command of the AWS command line, in its shorthand."""
    _, service, name, *options = words
    operation = "".join(map(str.capitalize, name.split("-")))
    shape = model(service).operation_model(operation).input_shape
    members = {member.lower(): member for member in shape.members}
    request = {}
    for option, text in zip(options[::2], options[1::2], strict=True):
        member = members[option.removeprefix("--").replace("-", "")]
        request[member] = read(shape.members[member], text)
    return service, operation, request


def read(shape, text):
    if shape.type_name == "list":
        return [read(shape.member, text)]
    if shape.type_name == "structure":
        pairs = dict(pair.split("=", 1) for pair in text.split(","))
        return {name: read(shape.members[name], value) for name, value in pairs.items()}
    return {"integer": int, "double": float}.get(shape.type_name, str)(text)


@pytest.mark.parametrize("words", COMMANDS, ids=lambda words: words[2])
def test_a_command_of_the_page_is_one_that_the_service_takes(words):
    service, operation, request = request_of(words)
    assert faults(operation, request, service) == []


def test_the_filter_and_the_alarm_are_of_what_is_printed():
    (filtered, alarm) = [request_of(words)[2] for words in COMMANDS]
    (made,) = filtered["metricTransformations"]
    assert (made["metricNamespace"], made["metricName"]) == (alarm["Namespace"], alarm["MetricName"])
    assert made["metricNamespace"] == NAMESPACE
    X = np.zeros((5, 1))
    form = TableForm((Column("number"),), ("Float64",))
    watch = Watch(Profile.of(Table(X, X, form.columns), form), form)
    watch.served(Table(X + 500, X, form.columns))
    for mode in ("log", "metrics"):
        line = json.loads(WatchLog(watch, {"BYOE_WATCH": mode}).line(watch.counts(), 0.0))
        value = line
        for key in made["metricValue"].removeprefix("$.").split("."):
            value = value[key]
        assert value == 5
        assert filtered["filterPattern"] == f"{{ {made['metricValue']} > 0 }}"
