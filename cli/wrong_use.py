"""What a command says when it was asked for something it cannot do."""


class WrongUseError(Exception):
    """The call cannot be answered as it is; the message says what to change."""
