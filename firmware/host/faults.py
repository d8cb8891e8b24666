"""What a board can do wrong besides computing the wrong number; nothing that the data in a file can cause."""

from ...gen.errors import UserError

__all__ = ["LinkError", "NoAnswer", "NotLoaded", "WrongBuild"]


class LinkError(UserError):
    """The board or its cable did not do what the link needs; one line."""


class NoAnswer(LinkError):
    """Nothing came back, however often it was asked."""


class WrongBuild(LinkError):
    """The board holds another build, or none of ours."""


class NotLoaded(LinkError):
    """The memories of the board hold no weights yet."""
