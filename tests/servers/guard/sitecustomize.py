"""On the PYTHONPATH of a program, this lets it and all Python programs that it starts reach this machine only.

Every other attempt raises an error and is written down in the file that the variable CALLS_OUT names.
"""

import os
import socket
import sys

HERE = ("localhost", "127.0.0.1", "::1", "0.0.0.0", "::", "", None, socket.gethostname())


def keep_in(event: str, args: tuple) -> None:
    if event in ("socket.connect", "socket.sendto", "socket.sendmsg"):
        address = args[1]
        host = address[0] if isinstance(address, tuple) else None  # the address of a Unix socket is a path
    elif event in ("socket.getaddrinfo", "socket.gethostbyname"):
        host = args[0]
    else:
        return
    host = host.decode() if isinstance(host, bytes) else host
    if host in HERE or str(host).startswith("127."):
        return
    if name := os.environ.get("CALLS_OUT"):
        with open(name, "a") as file:
            file.write(f"{event} {host} by {' '.join(sys.argv)[:200]}\n")
    raise OSError(f"this program may not reach {host}: {event}")


sys.addaudithook(keep_in)
