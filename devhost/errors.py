"""Why the host cannot start or go on.

HostError
├── StartError        the app, its settings or the state directory do not allow a start
└── StateLostError    the hub could not write: nothing more may be acknowledged
"""


class HostError(Exception):
    """Anything that ends the host; its message is for a person."""


class StartError(HostError):
    """The host did not start; nothing was served."""


class StateLostError(HostError):
    """A change could not be stored. Memory is ahead of the disk, so the host has to stop."""
