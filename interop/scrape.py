"""scrape.py PORT HTTP_PORT FUNCTIONS CONNECTIONS SCRAPES: what a scrape of /metrics takes, and what it costs those who speak Gearman.

So many idle connections, and functions each of which a job was run of. Beside it another process asks the server for an
echo, two thousand times a second at most: first alone, then while /metrics is read. Prints milliseconds, as `name=value` words.
"""

import multiprocessing
import resource
import socket
import struct
import sys
import time

CAN_DO, CANT_DO, GRAB_JOB, JOB_ASSIGN, WORK_COMPLETE, ECHO_REQ, SUBMIT_JOB_BG = 1, 2, 9, 11, 13, 16, 18


def packet(command, *arguments):
    body = b"\0".join(arguments)
    return b"\0REQ" + struct.pack(">II", command, len(body)) + body


class Peer:
    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.stream = self.socket.makefile("rb")

    def send(self, *packets):
        self.socket.sendall(b"".join(packets))

    def read(self):
        head = self.stream.read(12)
        command, length = struct.unpack(">II", head[4:])
        return command, self.stream.read(length)


    def run_job(self, function, jobs=1):
        """Submits so many, of which one is done."""
        self.send(packet(CAN_DO, function), *jobs * [packet(SUBMIT_JOB_BG, function, b"", b"x")])
        for _ in range(jobs):
            self.read()
        self.send(packet(GRAB_JOB))
        command, body = self.read()
        assert command == JOB_ASSIGN, command
        self.send(packet(WORK_COMPLETE, body.split(b"\0")[0], b""), packet(CANT_DO, function), packet(ECHO_REQ, b""))
        self.read()


def echo(port, stop, answer):
    """Sends how long the server took to answer, sorted."""
    peer, times = Peer(port), []
    while not stop.is_set():
        begin = time.perf_counter()
        peer.send(packet(ECHO_REQ, b"x"))
        peer.read()
        times.append(time.perf_counter() - begin)
        time.sleep(0.0005)
    answer.send(sorted(times))


def with_echo(port, meanwhile):
    stop, (receive, send) = multiprocessing.Event(), multiprocessing.Pipe(False)
    process = multiprocessing.Process(target=echo, args=(port, stop, send))
    process.start()
    result = meanwhile()
    stop.set()
    times = receive.recv()
    process.join()
    return result, times


def scrape(port):
    """How long it took, and the text."""
    begin = time.perf_counter()
    connection = socket.create_connection(("127.0.0.1", port))
    connection.sendall(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    parts = []
    while part := connection.recv(1 << 20):
        parts.append(part)
    took = time.perf_counter() - begin
    text = b"".join(parts)
    assert text.startswith(b"HTTP/1.1 200") and b"# EOF\n" in text[-20:], text[:300]
    return took, text


def value(text, name):
    return float(text[text.index(b"\n" + name + b" ") :].split()[1])


def say(what, times):
    times = [1000 * t for t in times]
    at = lambda part: times[min(int(part * len(times)), len(times) - 1)]
    print(f"{what}: n={len(times)} median={at(0.5):.2f} p99={at(0.99):.2f} p99.9={at(0.999):.2f} most={times[-1]:.2f}")


def main():
    port, http_port, functions, connections, scrapes = map(int, sys.argv[1:])
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    idle = [Peer(port) for _ in range(connections)]
    worker = Peer(port)
    for n in range(functions):
        worker.run_job(b"function_number_%05d" % n)

    def scrape_all():
        results = []
        for _ in range(scrapes):
            time.sleep(0.05)
            results.append(scrape(http_port))
        return results

    before = value(scrape(http_port)[1], b"process_cpu_seconds_total")
    after = value(scrape(http_port)[1], b"process_cpu_seconds_total")
    alone = scrape_all()
    _, quiet = with_echo(port, lambda: time.sleep(0.06 * scrapes))
    beside, busy = with_echo(port, scrape_all)
    text = alone[-1][1]
    lines = text.count(b"\n")
    print(f"functions={functions} connections={len(idle)} bytes={len(text)} lines={lines} cpu={1000 * (after - before):.2f}")
    say("a scrape", sorted(took for took, _ in alone))
    say("a scrape beside echoes", sorted(took for took, _ in beside))
    say("an echo", quiet)
    say("an echo beside scrapes", busy)


if __name__ == "__main__":
    main()
