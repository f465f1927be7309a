"""The platform in a network namespace of its own, and a port scan from a second one: `unshare -rn python -m tests.attacks.outside HOME`.

Needs no root where the kernel lets users make namespaces. Two listeners of our own, one on the outer address and one on every
address, prove that the scan finds what is open. Prints {"outside": ports, "loopback": ports, "web": port, "decoys": [outer, every]}.
"""

import ctypes
import fcntl
import json
import os
import socket
import struct
import sys
from pathlib import Path

from tests.stack import Stack

HERE, THERE = "10.77.0.1", "10.77.0.2"
CLONE_NEWNET = 0x40000000
SIOCSIFADDR, SIOCSIFNETMASK, SIOCSIFFLAGS, UP = 0x8916, 0x891C, 0x8914, 0x41
RTM_NEWLINK, REQUEST_CREATE, LINKINFO, KIND, DATA, PEER, NAME, NS_PID = 16, 0x605, 18, 1, 2, 1, 3, 19


def attribute(kind: int, value: bytes) -> bytes:
    """One netlink attribute, padded."""
    return struct.pack("=HH", 4 + len(value), kind) + value + bytes(-len(value) % 4)


def make_pair(near: str, far: str, pid: int) -> None:
    """A veth pair: `near` in this namespace, `far` in that of process `pid`."""
    head = struct.pack("=BxHiII", 0, 0, 0, 0, 0)
    peer = attribute(PEER, head + attribute(NAME, far.encode() + b"\0") + attribute(NS_PID, struct.pack("=I", pid)))
    info = attribute(LINKINFO, attribute(KIND, b"veth\0") + attribute(DATA, peer))
    body = head + attribute(NAME, near.encode() + b"\0") + info
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0) as line:
        line.send(struct.pack("=IHHII", 16 + len(body), RTM_NEWLINK, REQUEST_CREATE, 1, 0) + body)
        (error,) = struct.unpack_from("=i", line.recv(4096), 16)
    if error:
        raise OSError(-error, "the kernel made no pair of interfaces")


def bring_up(name: str, address: str = "") -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as handle:
        for call, value in ((SIOCSIFADDR, address), (SIOCSIFNETMASK, "255.255.255.0" if address else "")):
            if value:
                fcntl.ioctl(handle, call, struct.pack("16sH2s4s8x", name.encode(), socket.AF_INET, b"", socket.inet_aton(value)))
        fcntl.ioctl(handle, SIOCSIFFLAGS, struct.pack("16sH14x", name.encode(), UP))


def scan(address: str) -> list[int]:
    """Every TCP port at which somebody accepts."""
    return [port for port in range(1, 65536) if accepts(address, port)]


def accepts(address: str, port: int) -> bool:
    with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET) as line:
        line.settimeout(5)
        if line.connect_ex((address, port)):
            return False
        return line.getsockname() != line.getpeername()  # a socket may by chance have called itself


def stranger(read: int, write: int) -> None:
    """The process in the other namespace: tells that it is there, waits for the platform, scans, tells what it found."""
    if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "no second network namespace")
    os.write(write, b"+")
    os.read(read, 1)
    bring_up("outer", THERE)
    os.write(write, json.dumps(scan(HERE)).encode())


def main(home: Path) -> None:
    bring_up("lo")
    (to_me, from_it), (to_it, from_me) = os.pipe(), os.pipe()
    pid = os.fork()
    if not pid:
        try:
            stranger(to_it, from_it)
        finally:
            os._exit(0)
    os.close(from_it)
    os.read(to_me, 1)
    make_pair("inner", "outer", pid)
    bring_up("inner", HERE)
    decoys = [socket.create_server((address, 0)) for address in (HERE, "0.0.0.0")]
    stack = Stack(home=home).start(90)
    try:
        os.write(from_me, b"+")
        with os.fdopen(to_me, "rb") as answer:
            outside = json.loads(answer.read() or b"null")
        loopback = scan("127.0.0.1")
    finally:
        stack.stop()
    ports = [decoy.getsockname()[1] for decoy in decoys]
    print(json.dumps({"outside": outside, "loopback": loopback, "web": stack.port, "decoys": ports}))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
