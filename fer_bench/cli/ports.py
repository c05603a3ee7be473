"""Ports to serve pages on: said in a line what is wrong with one, before anything takes time."""

from __future__ import annotations

import errno
import socket

from fer_bench.errors import UserError


def check_port(port: int) -> None:
    """Raise UserError for a number that is no port."""
    if not 1 <= port <= 65535:
        raise UserError(f"--port {port}: expected a number from 1 to 65535")


def check_free(port: int, host: str = "127.0.0.1") -> None:
    """Raise UserError where one can't listen on a port, and for a host that is none of this machine."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            if isinstance(error, socket.gaierror) or error.errno == errno.EADDRNOTAVAIL:
                raise UserError(
                    f"--host {host} is no address of this machine: expected 127.0.0.1, or 0.0.0.0 for all"
                ) from None
            if error.errno == errno.EACCES:
                raise UserError(
                    f"port {port} is reserved for the system: --port with one above 1023"
                ) from None
            raise UserError(f"port {port} is taken: --port with another") from None
