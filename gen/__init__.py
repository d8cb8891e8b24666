"""Decisions: from a model file to integers, a plan and emitted RTL."""
