"""Semantics: the option's grammar, the presets, and what files give away; every message pinned."""

import numpy as np
import pytest
from spikeloom.gen.errors import UserError
from spikeloom.gen.nir_file import read_graph
from spikeloom.gen.presets import PRESETS, RESETS, parse_option
from spikeloom.gen.resolve import resolve_semantics
from spikeloom.gen.semantics import Decay, Gain, IfGain, Initial, LowerClamp, Semantics, Spikes
from spikeloom.hw.params import Compare, Fire, Reset

from .nir_files import affine, chain, cuba, lif, needs_shared, published, write

IF_NODE = {"type": "IF", "r": np.ones(2), "v_threshold": np.ones(2)}


@pytest.fixture
def file(tmp_path):
    return tmp_path / "model.nir"


def resolved(path, graph, option, dt=None):
    return resolve_semantics(read_graph(write(path, graph)), option, dt)


def refused(path, graph, option, dt=None):
    with pytest.raises(UserError) as error:
        resolved(path, graph, option, dt)
    message = str(error.value)
    assert "\n" not in message
    return message.replace(str(path), "FILE")


@pytest.mark.parametrize(
    ("text", "name", "fields"),
    [
        ("", "auto", {}),
        ("auto", "auto", {}),
        ("norse", "norse", {}),
        ("dt=1e-3", "auto", {"dt": 1e-3}),
        ("snntorch, dt=1e-4", "snntorch", {"dt": 1e-4}),
        ("nir,compare=>=,decay=exact", "nir", {"compare": Compare.GE, "decay": Decay.EXACT}),
        ("nir,compare=gt,fire=before", "nir", {"compare": Compare.GT, "fire": Fire.BEFORE}),
        (
            "nir,spikes=graded,v_min=-threshold",
            "nir",
            {"spikes": Spikes.GRADED, "v_min": LowerClamp.THRESHOLD},
        ),
        ("nir,if_gain=r,v_initial=leak", "nir", {"if_gain": IfGain.R, "v_initial": Initial.LEAK}),
        ("nir,synapse_gain=decay", "nir", {"synapse_gain": Gain.DECAY}),
        (
            "nir,membrane_gain=one,recurrent_bias_at_t0=no",
            "nir",
            {"membrane_gain": Gain.ONE, "recurrent_bias_at_t0": False},
        ),
    ],
)
def test_grammar(text, name, fields):
    assert parse_option(text) == (name, fields)


@pytest.mark.parametrize(
    ("word", "reset", "to_zero"),
    [
        ("zero", Reset.VALUE, True),
        ("value", Reset.VALUE, False),
        ("subtract", Reset.SUBTRACT, False),
        ("two_stage_subtract", Reset.TWO_STAGE_SUBTRACT, False),
        ("late_zero", Reset.LATE_VALUE, True),
        ("late_value", Reset.LATE_VALUE, False),
        ("late_subtract", Reset.LATE_SUBTRACT, False),
        ("none", Reset.NONE, False),
    ],
)
def test_reset_words(word, reset, to_zero):
    fields = {"reset": reset, "reset_to_zero": to_zero, "if_reset": None}
    assert parse_option(f"nir,reset={word}") == ("nir", fields)
    assert len(RESETS) == 8


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "brian",
            "unknown preset 'brian'; known: auto, snntorch, norse, sinabs, spikingjelly, rockpool, lava, "
            "spyx, nir",
        ),
        (
            "nir,taus=1",
            "unknown field 'taus'; known: dt, decay, reset, compare, fire, spikes, if_gain, synapse_gain, "
            "membrane_gain, v_min, v_initial, recurrent_bias_at_t0",
        ),
        (
            "nir,decay",
            "unknown field 'decay'; known: dt, decay, reset, compare, fire, spikes, if_gain, synapse_gain, "
            "membrane_gain, v_min, v_initial, recurrent_bias_at_t0",
        ),
        ("nir,decay=slow", "decay must be one of euler, exact, not 'slow'"),
        ("nir,compare=<", "compare must be one of >, >=, gt, ge, not '<'"),
        (
            "nir,reset=soft",
            "reset must be one of zero, value, subtract, two_stage_subtract, late_zero, late_value, "
            "late_subtract, none, not 'soft'",
        ),
        ("nir,dt=fast", "dt must be a positive number of seconds, not 'fast'"),
        ("nir,dt=-1", "dt must be a positive number of seconds, not '-1'"),
        ("nir,dt=nan", "dt must be a positive number of seconds, not 'nan'"),
        (
            "nir,recurrent_bias_at_t0=maybe",
            "recurrent_bias_at_t0 must be one of yes, true, 1, no, false, 0, not 'maybe'",
        ),
        ("nir,decay=exact,decay=euler", "field decay is given twice"),
    ],
)
def test_bad_options(text, message):
    with pytest.raises(UserError) as error:
        parse_option(text)
    assert str(error.value) == f"--semantics: {message}"


def test_bad_dt(file):
    message = "--semantics: dt must be a positive number of seconds, not '0'"
    assert refused(file, chain(lif()), "nir", 0) == message
    assert refused(file, chain(lif()), "nir,dt=1e-3", 1e-4) == (
        "--dt 0.0001 and dt=0.001 in --semantics differ; give one"
    )
    assert resolved(file, chain(lif()), "nir,dt=1e-3", 1e-3)[0].dt == 1e-3


def test_fields_that_contradict_each_other(file):
    assert refused(file, chain(lif()), "sinabs,reset=zero") == (
        "--semantics sinabs,reset=zero: spikes=graded needs reset=subtract and fire=after"
    )


@pytest.mark.parametrize("name", PRESETS)
def test_presets_are_consistent(name):
    preset = PRESETS[name]
    for fields in (preset.fields, {**preset.fields, **preset.own_fields}):
        semantics = Semantics(name=name, dt=preset.dt or 1e-3, **fields)
        assert semantics.name == name
    assert bool(preset.dt) == bool(preset.dt_reason)
    assert set(preset.remarks) <= set(Semantics.__dataclass_fields__)


def test_everything_assumed_is_told(file):
    semantics, lines = resolved(file, chain(lif(v_reset=0.0)), "auto")
    assert semantics == Semantics(
        name="snntorch", dt=1e-4, reset_to_zero=True, if_reset=Reset.TWO_STAGE_SUBTRACT
    )
    assert lines == (
        "framework = snntorch (r*dt/tau = 1 at every neuron, as snnTorch writes)",
        "dt = 0.0001 s (inferred: r*dt/tau = 1 at every neuron)",
        "decay = euler: 1 - dt/tau (preset snntorch)",
        "reset = zero (preset snntorch; snnTorch imports as zero; its reset_mechanism='subtract' is "
        "late_subtract, with reset_delay=False two_stage_subtract)",
        "compare = > (preset snntorch)",
        "fire = after (preset snntorch)",
        "spikes = binary (preset snntorch)",
        "membrane_gain = euler: input * r*dt/tau (preset snntorch)",
        "v_initial = zero (preset snntorch)",
    )


@pytest.mark.parametrize("option", ["auto", "snntorch"])
def test_reset_of_files_of_snntorch_that_state_none(file, option):
    """Its own neurons subtract; in files of others, and where v_reset is there, it resets to zero."""
    semantics, lines = resolved(file, chain(lif(), cuba()), option)
    assert (semantics.reset, semantics.reset_to_zero) == (Reset.TWO_STAGE_SUBTRACT, False)
    assert (
        "reset = two_stage_subtract (preset snntorch; its own file without v_reset: its neurons subtract "
        "where they are not told otherwise)"
    ) in lines
    for nodes in ((lif(), cuba(v_reset=0.0)), (lif(r=1.0),)):
        semantics, _ = resolved(file, chain(*nodes), "snntorch", 1e-4)
        assert (semantics.reset, semantics.reset_to_zero) == (Reset.VALUE, True)
    semantics, lines = resolved(file, chain(lif()), f"{option},reset=zero")
    assert (semantics.reset, semantics.reset_to_zero) == (Reset.VALUE, True)
    assert "reset = zero (given" in " ".join(lines)


def test_a_delay_needs_a_step(file):
    node = {"type": "Delay", "delay": np.full(2, 0.01)}
    with pytest.raises(UserError, match=r"\(Delay\): its time step cannot be inferred and nir has no"):
        resolved(file, chain(node, {"type": "Threshold", "threshold": np.array(0.5)}), "auto")
    semantics, lines = resolved(file, chain(node, IF_NODE), "sinabs")
    assert semantics.dt == 1.0
    assert lines[0].startswith("dt = 1 s")


def test_what_was_given_is_told_as_given(file):
    semantics, lines = resolved(file, chain(cuba()), "nir,reset=late_zero,decay=exact", 1e-4)
    assert (semantics.reset, semantics.reset_to_zero, semantics.decay) == (
        Reset.LATE_VALUE,
        True,
        Decay.EXACT,
    )
    assert "dt = 0.0001 s (given)" in lines
    assert "reset = late_zero (given)" in lines
    assert "decay = exact: exp(-dt/tau) (given)" in lines
    assert "synapse_gain = euler: input * w_in*dt/tau (preset nir)" in lines


def test_only_what_matters_is_told(file):
    _, lines = resolved(file, chain(IF_NODE), "norse")
    assert [line.split(" ")[0] for line in lines] == [
        "reset",
        "compare",
        "fire",
        "spikes",
        "if_gain",
        "v_min",
        "v_initial",
    ]


def test_reset_of_if_nodes_in_snntorch(file):
    _, lines = resolved(file, chain(IF_NODE), "snntorch")
    assert "if_reset = two_stage_subtract (preset snntorch)" in lines
    assert resolved(file, chain(IF_NODE), "snntorch,reset=zero")[0].if_reset is None


def test_a_given_step_that_the_file_contradicts(file):
    _, lines = resolved(file, chain(lif()), "snntorch", 1e-3)
    assert lines[0] == "dt = 0.001 s (given; but r*dt/tau = 1 at every neuron would be 0.0001 s)"


@pytest.mark.parametrize(
    ("nodes", "preset", "dt"),
    [
        ([lif()], "snntorch", 1e-4),
        ([lif(tau=np.array([1e-3, 3e-3]), r=np.array([10.0, 30.0]))], "snntorch", 1e-4),
        # several time constants agree on a step that is no round number
        ([lif(tau=np.array([1e-3, 3e-3]), r=np.array([7.3, 21.9]))], "snntorch", 1e-3 / 7.3),
        ([lif(tau=np.float32(1 / 3 * 1e-3), r=np.float32(1 / 3 * 10))], "snntorch", 1e-4),
        ([cuba(), lif()], "snntorch", 1e-4),
        ([lif(tau=2e-3, r=0.95)], "spyx", 1e-4),
        ([{**IF_NODE, "r": np.full(2, 1e4)}], "spikingjelly", 1e-4),
        ([{**IF_NODE, "r": np.full(2, 1e4)}, lif()], "spikingjelly", 1e-4),
    ],
)
def test_traces_of_frameworks(file, nodes, preset, dt):
    semantics, _ = resolved(file, chain(*nodes), "auto")
    assert semantics.name == preset
    assert semantics.dt == pytest.approx(dt, rel=1e-9)


def test_rockpool_by_names_and_step(file):
    dt, tau = 2e-3, np.array([0.02, 0.05])
    node = lif(tau=tau, r=tau / dt * np.exp(-dt / tau))
    semantics, lines = resolved(file, chain(node, names=["0_LIFNeuronTorch"]), "auto")
    assert (semantics.name, semantics.dt) == ("rockpool", dt)
    assert lines[0] == "framework = rockpool (node names end in a Rockpool module)"


@needs_shared
def test_published_files():
    assert resolve_semantics(read_graph(published("cnn_sinabs")), "auto")[0].name == "sinabs"
    assert resolve_semantics(read_graph(published("lif_rockpool")), "auto")[0].dt == 1e-4
    braille = resolve_semantics(read_graph(published("braille_noDelay_noBias_subtract")), "auto")[0]
    assert (braille.name, braille.dt) == ("snntorch", 1e-4)


def test_files_of_spyx_itself_take_the_input_as_it_is(file):
    own, lines = resolved(file, chain(lif(tau=2e-3, r=0.95)), "spyx")
    assert (own.dt, own.membrane_gain) == (1e-4, Gain.ONE)
    assert "membrane_gain = one: input * 1 (preset spyx)" in lines
    assert resolved(file, chain(lif(r=1.0)), "spyx", 1e-4)[0].membrane_gain is Gain.EULER


PRESET_WORDS = "snntorch | norse | sinabs | spikingjelly | rockpool | lava | spyx | nir"


@pytest.mark.parametrize(
    ("node", "what"),
    [
        (lif(r=1.0), "(LIF): its time step, decay and reset"),
        (lif(r=np.array([10.0, 11.0])), "(LIF): its time step, decay and reset"),
        # one time constant, and a step that nobody would choose
        (lif(r=9.37), "(LIF): its time step, decay and reset"),
        (cuba(w_in=1.0), "(CubaLIF): its time step, decay and reset"),
        (IF_NODE, "(IF): its reset"),
        ({"type": "I", "r": np.ones(2)}, "(I): its input gain"),
    ],
)
def test_files_without_a_trace(file, node, what):
    assert refused(file, chain(node), "auto") == (
        f"FILE: node 'n0' {what} cannot be inferred from the file; "
        f"accepted: --semantics {PRESET_WORDS} (and --dt SECONDS)"
    )


@pytest.mark.parametrize("name", ["nir", "spyx", "rockpool"])
def test_presets_without_a_step(file, name):
    assert refused(file, chain(lif(r=1.0)), name) == (
        f"FILE: node 'n0' (LIF): its time step cannot be inferred and {name} has no default; "
        "accepted: --dt SECONDS"
    )


def test_presets_with_a_step(file):
    _, lines = resolved(file, chain(lif(r=1.0)), "norse")
    assert lines[0] == "dt = 0.001 s (Norse's default; the file does not say)"
    _, lines = resolved(file, chain(lif(r=1.0, tau=20.0)), "sinabs")
    assert lines[0] == "dt = 1 s (sinabs counts time constants in steps; the file does not say)"


def test_the_step_matters_where_the_gain_has_it(file):
    assert resolved(file, chain(IF_NODE), "norse")[0].dt == 1.0
    assert refused(file, chain(IF_NODE), "nir") == (
        "FILE: node 'n0' (IF): its time step cannot be inferred and nir has no default; "
        "accepted: --dt SECONDS"
    )


def test_a_network_without_neurons_needs_nothing(file):
    semantics, lines = resolved(file, chain(affine(np.eye(2))), "auto")
    assert semantics.name == "nir"
    assert lines == ("framework = nir (no node has dynamics)",)
