"""A server of names on 127.0.0.1, port 53, for which every name is this host's, as Docker's knows containers by theirs."""

import socket
import struct

ADDRESS = 1

server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.bind(("127.0.0.1", 53))
print("ready", flush=True)
while True:
    query, client = server.recvfrom(512)
    end = query.index(b"\0", 12)
    wanted = struct.unpack(">H", query[end + 1 : end + 3])[0]
    record = b"\xc0\x0c" + struct.pack(">HHIH4B", ADDRESS, 1, 60, 4, 127, 0, 0, 1) if wanted == ADDRESS else b""
    counts = struct.pack(">HHHH", 1, 1 if record else 0, 0, 0)
    server.sendto(query[:2] + b"\x81\x80" + counts + query[12 : end + 5] + record, client)
