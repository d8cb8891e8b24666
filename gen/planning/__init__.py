"""Planner: lanes and update lanes of every population, chosen as an integer program."""
