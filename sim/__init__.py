"""Checks: golden model, engines that run the RTL, comparison."""
