"""Samples to tokens and back, and every way in which an output stream can be wrong."""

import numpy as np
import pytest
from spikeloom.hw.params import ReadoutKind
from spikeloom.sim.faults import ProtocolFault
from spikeloom.sim.tokens import TokenFormat, Tokens, bit_field, input_tokens, read_output, sign_extend

NEURONS = 5
EVENTS = TokenFormat(indices=NEURONS)
VALUES = TokenFormat(indices=NEURONS, value_bits=7, signed=True)
COUNTS = TokenFormat(indices=NEURONS, value_bits=7)


def tokens_of(form, *samples):
    """Tokens from (index, value, tick, last) tuples, a list of them a sample."""
    payloads = []
    for index, value, tick, last in (token for sample in samples for token in sample):
        value %= 1 << form.value_bits
        payloads.append(index | value << form.index_bits | (tick | last << 1) << form.tick_bit)
    data = b"".join(payload.to_bytes(8 * form.words, "little") for payload in payloads)
    offsets = np.cumsum([0, *map(len, samples)])
    return Tokens(words=np.frombuffer(data, "<u8").reshape(-1, form.words), offsets=offsets)


def event(index, value=0):
    return (index, value, 0, 0)


TICK, LAST = (0, 0, 1, 0), (0, 0, 1, 1)


def test_input_tokens_of_a_known_sample():
    x = np.array([[[0, 2, 0, 0, 1], [0, 0, 0, 0, 0]], [[1, 0, 0, 0, 0], [0, 0, 0, 3, 0]]], np.uint8)
    tokens = input_tokens(x, EVENTS)
    expected = tokens_of(
        EVENTS,
        [event(1), event(1), event(4), TICK, LAST],
        [event(0), TICK, event(3), event(3), event(3), LAST],
    )
    np.testing.assert_array_equal(tokens.words, expected.words)
    np.testing.assert_array_equal(tokens.offsets, expected.offsets)


@pytest.mark.parametrize("order_seed", [None, 1])
@pytest.mark.parametrize(
    ("samples", "steps", "channels"), [(1, 1, 1), (3, 1, 7), (2, 5, 1), (4, 6, 9), (0, 3, 2)]
)
def test_input_tokens_carry_every_event_once(samples, steps, channels, order_seed):
    x = np.random.default_rng(samples + 10 * steps).integers(0, 4, (samples, steps, channels), dtype=np.uint8)
    form = TokenFormat(indices=channels)
    tokens = input_tokens(x, form, order_seed=order_seed)
    found = np.zeros_like(x)
    for sample in range(samples):
        step = 0
        for word in tokens.words[tokens.offsets[sample] : tokens.offsets[sample + 1], 0].tolist():
            if word >> form.tick_bit & 1:
                assert word >> (form.tick_bit + 1) == int(step == steps - 1)
                step += 1
            else:
                found[sample, step, word] += 1
        assert step == steps
    np.testing.assert_array_equal(found, x)


def test_a_seed_shuffles_within_steps_only_and_always_alike():
    x = np.ones((2, 3, 50), np.uint8)
    form = TokenFormat(indices=50)
    once, again, other = (input_tokens(x, form, order_seed=seed).words for seed in (7, 7, 8))
    np.testing.assert_array_equal(once, again)
    assert (once != other).any()
    assert sorted(once[:50, 0].tolist()) == list(range(50))


def test_input_of_a_wrong_shape():
    with pytest.raises(ValueError, match=r"^Input must be \(samples, steps, 5\) with a step or more"):
        input_tokens(np.zeros((2, 3, 4), np.uint8), EVENTS)


def test_spikes():
    tokens = tokens_of(EVENTS, [event(0), event(4), TICK, LAST], [TICK, event(2), LAST])
    spikes = read_output(tokens, EVENTS, ReadoutKind.SPIKES, steps=2)
    assert spikes.dtype == np.uint8
    assert spikes.tolist() == [[[1, 0, 0, 0, 1], [0] * 5], [[0] * 5, [0, 0, 1, 0, 0]]]


GRADED = TokenFormat(indices=5, most=3)


def test_graded_spikes_are_counted():
    tokens = tokens_of(GRADED, [event(0), event(0), event(4), event(4), event(4), TICK, event(4), LAST])
    spikes = read_output(tokens, GRADED, ReadoutKind.SPIKES, steps=2)
    assert spikes.tolist() == [[[2, 0, 0, 0, 3], [0, 0, 0, 0, 1]]]


@pytest.mark.parametrize(
    ("sample", "message"),
    [
        ([TICK, *[event(2)] * 4, LAST], "step 1: an index that does not ascend: 2"),
        ([event(1), event(0), event(1), TICK, LAST], "step 0: an index that does not ascend: 0"),
    ],
)
def test_graded_spikes_out_of_order_or_too_many(sample, message):
    with pytest.raises(ProtocolFault, match=message):
        read_output(tokens_of(GRADED, sample), GRADED, ReadoutKind.SPIKES, steps=2)


def test_membranes_are_signed():
    values = [[-64, 63, 0, -1, 1], [5, -5, 7, -7, 9]]
    sample = [*map(event, range(5), values[0]), TICK, *map(event, range(5), values[1]), LAST]
    assert read_output(tokens_of(VALUES, sample), VALUES, ReadoutKind.MEMBRANE, steps=2).tolist() == [values]


def test_counts_are_unsigned():
    sample = [*map(event, range(5), [0, 127, 64, 1, 2]), LAST]
    found = read_output(tokens_of(COUNTS, sample, sample), COUNTS, ReadoutKind.COUNTS, steps=9)
    assert found.tolist() == [[0, 127, 64, 1, 2]] * 2


def test_class():
    found = read_output(
        tokens_of(EVENTS, [event(3), LAST], [event(0), LAST]), EVENTS, ReadoutKind.CLASS, steps=4
    )
    assert found.tolist() == [3, 0]


@pytest.mark.parametrize(
    ("readout", "sample", "message"),
    [
        ("spikes", [event(1), TICK, event(0)], "step 1: no tick"),
        ("spikes", [event(1), TICK], "step 1: no tick"),
        ("spikes", [], "step 0: no tick"),
        ("spikes", [TICK, TICK], "step 1: the final tick without last"),
        ("spikes", [LAST, TICK], "step 0: last before the final tick"),
        ("spikes", [TICK, LAST, TICK], "step 2: a token after the final tick"),
        ("spikes", [TICK, LAST, event(0)], "step 2: a token after the final tick"),
        ("spikes", [TICK, event(2), event(2), LAST], "step 1: an index that does not ascend: 2"),
        ("spikes", [event(3), event(1), TICK, LAST], "step 0: an index that does not ascend: 1"),
        ("spikes", [TICK, event(6), LAST], "step 1: an index outside 0..4: 6"),
        ("spikes", [(0, 0, 0, 1), TICK, LAST], "step 0: last before the final tick"),
        ("membrane", [*map(event, range(4)), TICK, *map(event, range(5)), LAST], "step 0: not 5 tokens: 4"),
        ("membrane", [*map(event, range(5)), TICK, *map(event, range(6)), LAST], "step 1: not 5 tokens: 6"),
        ("membrane", [*map(event, [0, 1, 3, 3, 4]), TICK, *map(event, range(5)), LAST], "does not ascend: 3"),
        ("class", [LAST], "step 0: not 1 tokens: 0"),
        ("class", [event(1), event(2), LAST], "step 0: not 1 tokens: 2"),
        ("class", [event(7), LAST], "step 0: an index outside 0..4: 7"),
        ("counts", [*map(event, range(5)), TICK, LAST], "step 1: a token after the final tick"),
    ],
)
def test_protocol_faults_name_sample_and_step(readout, sample, message):
    form = VALUES if readout == "membrane" else COUNTS if readout == "counts" else EVENTS
    good = {
        "spikes": [TICK, LAST],
        "membrane": [*map(event, range(5)), TICK, *map(event, range(5)), LAST],
        "counts": [*map(event, range(5)), LAST],
        "class": [event(0), LAST],
    }[readout]
    tokens = tokens_of(form, good, sample, good)
    with pytest.raises(ProtocolFault) as fault:
        read_output(tokens, form, ReadoutKind(readout), steps=2, first_sample=40)
    assert str(fault.value).startswith("out, sample 41, step ")
    assert str(fault.value).endswith(message)


@pytest.mark.parametrize(("start", "bits"), [(0, 1), (0, 64), (60, 8), (63, 2), (64, 64), (10, 0), (100, 28)])
def test_bit_fields_across_words(start, bits):
    numbers = [int.from_bytes(np.random.default_rng(seed).bytes(16), "little") for seed in range(20)]
    words = np.frombuffer(b"".join(n.to_bytes(16, "little") for n in numbers), "<u8").reshape(-1, 2)
    expected = [n >> start & ((1 << bits) - 1) for n in numbers]
    assert bit_field(words, start, bits).tolist() == expected


@pytest.mark.parametrize("bits", [1, 2, 13, 48, 63, 64])
def test_sign_extension(bits):
    low, high = -(1 << (bits - 1)), (1 << (bits - 1)) - 1
    numbers = [low, high, 0, -1, max(low, high - 1)]
    raw = np.array([n % (1 << bits) for n in numbers], np.uint64)
    assert sign_extend(raw, bits).tolist() == numbers
