"""Gates: Amaranth components, one block a file; every parameter is in `params`."""
