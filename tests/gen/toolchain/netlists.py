"""Netlists that nextpnr reads, made fit for Yosys."""

import json

__all__ = ["drop_open_outputs"]


def drop_open_outputs(path):
    """Take outputs that lead nowhere (x, to nextpnr) out of the netlist in the file `path`."""
    design = json.loads(path.read_text())
    for module in design["modules"].values():
        for cell in module["cells"].values():
            for port, direction in cell["port_directions"].items():
                if direction == "output" and cell["connections"].get(port) == ["x"]:
                    del cell["connections"][port]
    path.write_text(json.dumps(design))
