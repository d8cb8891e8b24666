"""The host's end of the link: frames, windows, a board as an object."""
