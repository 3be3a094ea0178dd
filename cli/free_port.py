"""Ports: bound before anything else starts, so that one in use is told in one line."""

import socket

from cli.wrong_use import WrongUseError


def listen(host: str, port: int) -> socket.socket:
    """Return a listening socket (port 0: any free one). Raises WrongUseError when it is taken."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as problem:
        listener.close()
        raise WrongUseError(
            f"cannot listen on {host}:{port}: {problem.strerror}; "
            "stop what uses it or choose another with --port"
        ) from problem
    return listener


def free_port() -> int:
    """Return a port on the loopback address that was free just now."""
    with listen("127.0.0.1", 0) as listener:
        return int(listener.getsockname()[1])
