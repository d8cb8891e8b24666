import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from spikeloom.gen.toml_text import toml_text

TEXT = st.text(st.characters(exclude_categories=["Cs"]))
SCALARS = st.one_of(
    st.booleans(), st.integers(-(2**63), 2**63 - 1), st.floats(allow_nan=False, allow_infinity=False), TEXT
)
VALUES = st.recursive(
    SCALARS | st.lists(SCALARS, max_size=3),
    lambda inner: st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(TEXT, VALUES, max_size=5))
def test_tomllib_reads_it_back(table):
    assert tomllib.loads(toml_text(table)) == table


def test_none_is_left_out():
    assert toml_text({"a": None, "b": {"c": 1, "d": None}}) == "[b]\nc = 1\n"


def test_other_types_are_refused():
    with pytest.raises(TypeError, match=r"^Cannot write object as TOML$"):
        toml_text({"a": object()})
