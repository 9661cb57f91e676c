"""Tags in both forms, checked as the service would."""

import pytest
from tests.aws.service_model import faults

from byoe.errors import ParameterError
from byoe.sagemaker.aws._machine import Machine
from byoe.sagemaker.aws._requests import endpoint_request
from byoe.sagemaker.aws._tags import read_tags

BOTH = r'expected \{"team": "blue"\} or \[\{"Key": "team", "Value": "blue"\}\]'


@pytest.mark.parametrize(
    "given", [{"team": "blue", "cost centre": ""}, [{"Key": "team", "Value": "blue"}, {"Key": "cost centre", "Value": ""}]]
)  # fmt: skip
def test_both_forms_are_the_same(given):
    machine = Machine("image", "role", tags=given)
    assert machine.tags == {"team": "blue", "cost centre": ""}
    request = endpoint_request("churn", "churn", machine)
    assert request["Tags"] == [{"Key": "team", "Value": "blue"}, {"Key": "cost centre", "Value": ""}]
    assert faults("CreateEndpoint", request) == []


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("team=blue", f"tags is team=blue|tags is 'team=blue', {BOTH}"),
        (["team"], BOTH),
        ([{"key": "team", "value": "blue"}], BOTH),
        ([{"Key": "team"}], BOTH),
        (None, BOTH),
        ({"team": 3}, "the value of 'team' in tags is 3, expected a text"),
        ({3: "blue"}, "the key in tags is 3, expected a text"),
        ({"": "blue"}, "the key in tags has 0 characters, expected 1 to 128"),
        ({"a" * 129: "blue"}, "the key in tags has 129 characters"),
        ({"team": "b" * 257}, "the value of 'team' in tags has 257 characters, expected 0 to 256"),
        ({"team": "blue!"}, "the value of 'team' in tags is 'blue!'; AWS takes letters"),
        ({"aws:team": "blue"}, "those with 'aws:' are AWS's own"),
        ({str(i): "" for i in range(51)}, "there are 51 tags, and AWS takes at most 50"),
        ([{"Key": "a", "Value": "1"}, {"Key": "a", "Value": "2"}], "has the key 'a' more than once"),
    ],
)
def test_what_are_no_tags(given, message):
    with pytest.raises(ParameterError, match=message):
        read_tags(given)


def test_what_is_taken_the_service_takes():
    machine = Machine("image", "role", tags={"é" * 128: "ü. :/=+-@_" + "x" * 246})
    assert faults("CreateEndpoint", endpoint_request("churn", "churn", machine)) == []
