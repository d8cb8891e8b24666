"""The fabric's end of the host link: UART, frames, windows, commands (docs/link-protocol.md)."""
