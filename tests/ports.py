"""Ports for servers that start in a process of their own."""

import socket


def reserved():
    """Return a socket that keeps a port of this machine for one server, until it is closed.

    Who asks for any free port, or connects to somewhere, is never given this one. A server that asks for it can have
    it, as this socket does not listen; it has to set ``SO_REUSEADDR``, as servers do.
    """
    keeper = socket.socket()
    keeper.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    keeper.bind(("127.0.0.1", 0))
    return keeper
