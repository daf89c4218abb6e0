"""A worker at 127.0.0.1:4730 that never ends its job, which it submits itself."""

import signal
import socket
import struct

CAN_DO, GRAB_JOB, JOB_ASSIGN, SUBMIT_JOB_BG = 1, 9, 11, 18


def packet(command, *arguments):
    body = b"\0".join(arguments)
    return b"\0REQ" + struct.pack(">II", command, len(body)) + body


server = socket.create_connection(("127.0.0.1", 4730))
server.sendall(packet(CAN_DO, b"endless") + packet(SUBMIT_JOB_BG, b"endless", b"", b"x") + packet(GRAB_JOB))
stream = server.makefile("rb")
command = None
while command != JOB_ASSIGN:
    _, command, length = struct.unpack(">4sII", stream.read(12))
    stream.read(length)
print("ready", flush=True)
signal.pause()
