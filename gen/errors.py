"""What a user did that cannot work: one line, no traceback, exit code 2."""

__all__ = ["MissingTool", "UserError"]


class UserError(Exception):
    """Unusable input; the message says what, where (file, node, option) and what would be accepted."""


class MissingTool(UserError):
    """A tool is not installed; the message says which, for which step, and how to get it."""
