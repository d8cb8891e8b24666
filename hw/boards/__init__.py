"""Boards: one thin file a family, on top of amaranth-boards."""
