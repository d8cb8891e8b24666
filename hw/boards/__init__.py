"""Boards, one thin file a family; `registry.BOARDS` has them all."""
