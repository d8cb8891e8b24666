"""The board in simulation: the link's RTL around the accelerator's, reached through its pins."""
