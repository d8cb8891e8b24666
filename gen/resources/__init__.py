"""What an accelerator takes of a device, from its parameters alone."""
