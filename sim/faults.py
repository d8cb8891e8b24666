"""What RTL can do wrong besides computing the wrong number. None of it is the user's doing."""

__all__ = ["HangFault", "ProtocolFault", "RtlFault"]


class RtlFault(Exception):
    """The RTL broke its contract; one line that names the engine or stream, the sample and what happened."""


class ProtocolFault(RtlFault):
    """A stream carried what its protocol forbids."""


class HangFault(RtlFault):
    """A sample did not end within its limit of cycles."""
