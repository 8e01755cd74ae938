"""The digest of data against that of its canonical text, written out and hashed by sha256sum."""

from __future__ import annotations

import math

import pytest

from qsched.files import json_digest

# printf '%s' '{"a":[true,null,0.1],"b":{"c":"\u00e9","d":-3}}' | sha256sum
SHA256 = "266aa9f10e9361a520194e305b7f1bdb88e62ea6af31aa186159d30cee7e5323"


def test_the_digest_is_that_of_the_canonical_text() -> None:
    assert json_digest({"b": {"d": -3, "c": "é"}, "a": [True, None, 0.1]}) == SHA256


@pytest.mark.parametrize(
    "other",
    [
        {"a": [True, None, 0.1], "b": {"c": "e", "d": -3}},
        {"a": [None, True, 0.1], "b": {"c": "é", "d": -3}},
        {"a": [True, None, 0.1], "b": {"c": "é", "d": -3.0}},
    ],
)
def test_other_data_has_another_digest(other: object) -> None:
    assert json_digest(other) != SHA256


def test_numbers_that_json_lacks_have_digests_and_other_objects_have_none() -> None:
    assert json_digest([math.nan]) != json_digest([math.inf])
    with pytest.raises(TypeError, match="not JSON serializable"):
        json_digest({1.5, 2.5})
