"""Exploration of a model: number formats and lanes, and which of them are worth having."""
