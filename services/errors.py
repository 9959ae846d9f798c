"""Every error a person may cause or meet, in one tree; the message is the sentence they read.

Anything that is not of this tree is a bug: it is logged as an incident with a number, and the
person is told that it was our mistake.
"""


class Expected(Exception):
    """An error whose message is meant for the person at the screen.

    `field` names the parameter or control the message belongs to, where there is one.
    """

    def __init__(self, message: str, *, field: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.field = field


class DataError(Expected):
    """The table cannot answer the question; the message says what to change."""


class ParamError(Expected):
    """A value of the form or command line is unknown, missing or out of bounds."""


class FileRefused(Expected):
    """An uploaded file is not a table we can read, or is too large."""


class DoesNotFit(Expected):
    """The work needs more memory or disk than this server has free."""


class DiskFull(DoesNotFit, OSError):
    """The server's disk took no more: an error of the system too, for who passes over those."""


class QueueFull(Expected):
    """Too many runs wait already."""


class Busy(Expected):
    """Someone else has hold of it: the same request may be met a moment later."""


class OutOfStep(Expected):
    """A part of a file does not follow what is here: who sends it asks where that ends, and goes on from there."""


class Damaged(Expected):
    """A part of a file is not what was sent: nothing of it is kept, and it is to be sent again."""


class Foreign(Expected):
    """Who asks is not one of our own pages."""


class NotFound(Expected):
    """What was asked for does not exist, or belongs to someone else: the same answer to both."""


class Unanswered(Expected):
    """A question was not answered, for no fault of its own: time, memory, or another one came meanwhile."""


class Evicted(Expected):
    """A large table of a result was removed to free disk; asking again makes it again."""


class StepStopped(Expected):
    """A step of a job was stopped (time, memory, skipped) and is to be listed as such; the message is the reason."""

    def __init__(self, message: str, *, step: str) -> None:
        super().__init__(message)
        self.step = step
