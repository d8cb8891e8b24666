"""Options: tables and TOML there and back, every refusal with its text."""

import tomllib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from spikeloom.gen.errors import UserError
from spikeloom.gen.quantise import PopulationOptions, QuantiseOptions
from spikeloom.hw.params import Rounding

scales = st.floats(1e-9, 1e9) | st.lists(st.floats(1e-9, 1e9), min_size=1, max_size=4).map(tuple)
words = st.integers(-(1 << 47), (1 << 47) - 1)
fields = st.fixed_dictionaries(
    {},
    optional={
        "weight_bits": st.integers(1, 16),
        "state_bits": st.integers(2, 48) | st.just("auto"),
        "synapse_bits": st.integers(2, 48) | st.just("auto"),
        "frac_bits": st.integers(0, 16) | st.just("auto"),
        "decay_frac_bits": st.integers(1, 16) | st.just("auto"),
        "rounding": st.sampled_from(Rounding),
        "clip": st.floats(0.001, 1) | st.sampled_from(["auto", "mse", "max"]),
        "scale": scales | st.just("auto"),
        "exact": st.booleans(),
        "threshold": words | st.lists(words, min_size=1, max_size=4).map(tuple),
        "bias": words,
    },
)
names = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), min_size=1, max_size=6)


@given(fields, st.dictionaries(names, fields, max_size=3), st.dictionaries(names, names, max_size=2))
@settings(max_examples=60)
def test_toml_gives_the_same_options_back(defaults, populations, weights):
    options = QuantiseOptions(
        defaults=PopulationOptions(**defaults),
        populations=populations,
        weights=weights,
        search=False,
        tries=3,
        input_max=7,
    )
    assert QuantiseOptions.from_table(tomllib.loads(options.to_toml())) == options


def test_overrides_keep_what_they_do_not_name():
    options = QuantiseOptions.from_table(
        {"weight_bits": 6, "rounding": "floor", "population": {"out": {"weight_bits": 4}}}
    )
    assert (options.of("hidden").weight_bits, options.of("out").weight_bits) == (6, 4)
    assert options.of("out").rounding is Rounding.FLOOR


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"weight_bits": 0}, "Option weight_bits must be between 1 and 16, not 0"),
        ({"weight_bits": True}, "Option weight_bits must be between 1 and 16, not True"),
        ({"weight_bits": 8.0}, "Option weight_bits must be between 1 and 16, not 8.0"),
        ({"state_bits": "wide"}, "Option state_bits must be auto or between 2 and 48, not wide"),
        ({"clip": 1.5}, "Option clip must be auto or mse or max or between 0.001 and 1, not 1.5"),
        ({"rounding": "up"}, "Option rounding must be one of trunc0, floor, not up"),
        ({"search": 1}, "Option search must be true or false, not 1"),
        ({"scale": -1}, "Option scale must be auto or a positive number or a list with one a neuron, not -1"),
        (
            {"scale": [0.0]},
            "Option scale must be auto or a positive number or a list with one a neuron, not [0.0]",
        ),
        ({"threshold": 1.5}, "Option threshold must be an integer or a list with one a neuron, not 1.5"),
        ({"range_margin": float("nan")}, "Option range_margin must be between 1 and 64, not nan"),
        ({"population": 3}, "Option population must be tables, as in [population.NAME]"),
        ({"projection": {"w": {"weights": 3}}}, "Option weights of projection w must be packed text"),
        (
            {"population": {"p": {"state_bits": 1}}},
            "Option state_bits of population p must be auto or between 2 and 48, not 1",
        ),
    ],
)
def test_a_value_that_does_not_fit_is_one_line(table, message):
    with pytest.raises(UserError) as error:
        QuantiseOptions.from_table(table)
    assert str(error.value) == message


@pytest.mark.parametrize(
    ("table", "start", "accepted"),
    [
        ({"wieght_bits": 8}, "Option wieght_bits is unknown; accepted: bias,", "weight_bits"),
        (
            {"population": {"p": {"tries": 1}}},
            "Option tries of population p is unknown; accepted: bias,",
            "weight_bits",
        ),
        ({"projection": {"w": {"bits": 1}}}, "Option bits of projection w is unknown; accepted: weights", ""),
    ],
)
def test_an_unknown_key_names_what_is_accepted(table, start, accepted):
    with pytest.raises(UserError) as error:
        QuantiseOptions.from_table(table)
    assert str(error.value).startswith(start)
    assert accepted in str(error.value)
    assert "\n" not in str(error.value)
