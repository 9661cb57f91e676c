"""Data in S3 on the command line."""

import pytest

from byoe.cli._sagemaker_handles import described
from byoe.errors import ParameterError


@pytest.mark.parametrize(
    ("text", "data"),
    [
        (None, None),
        ("rows.csv", "rows.csv"),
        ("s3://mine/year=2026/", "s3://mine/year=2026/"),
        (
            "S3Uri=s3://mine/year=2026/, S3DataDistributionType=ShardedByS3Key",
            {"S3Uri": "s3://mine/year=2026/", "S3DataDistributionType": "ShardedByS3Key"},
        ),
    ],
)
def test_a_description_is_words_with_commas(text, data):
    assert described(text) == data


def test_a_word_without_a_value():
    with pytest.raises(ParameterError, match="is not WORD=VALUE with commas between"):
        described("S3Uri=s3://mine/rows/,ManifestFile")
