"""A client by Python's gear: client.py PORT ours|C [CERTIFICATES]; prints lines of checks. With TLS where there is a folder of
certificates."""

import os
import sys
import time

import gear

port = int(sys.argv[1])
folder = sys.argv[3] if len(sys.argv) > 3 else None
LONG = 20


def check(name, wanted, got):
    print("ok   " + name if wanted == got else "FAIL %s: wanted %r, got %r" % (name, wanted, got), flush=True)


def until(condition):
    deadline = time.time() + LONG
    while not condition() and time.time() < deadline:
        time.sleep(0.01)
    return bool(condition())


def tls(folder, own=None):
    """The files as addServer() takes them: of this folder, or the client's of another."""
    if folder is None:
        return []
    return [(own or folder) + "/client.key", (own or folder) + "/client.pem", folder + "/ca.pem"]


def connect(*options):
    client = gear.Client()
    client.addServer("127.0.0.1", port, *tls(folder))
    client.waitForServer(timeout=LONG)
    for option in options:
        check("option " + option, True, client.setOption(option, timeout=LONG))
    return client


client = connect("exceptions")


def submit(function, arguments=b"", unique=None, by=client, **options):
    job = gear.Job(function, arguments, unique)
    by.submitJob(job, timeout=LONG, **options)
    return job


def do(function, arguments=b"", **options):
    job = submit(function, arguments, **options)
    until(lambda: job.complete)
    return job


every_byte = bytes(range(256))
check("a job", [every_byte[::-1]], do("python_reverse", every_byte).data)
large = os.urandom(1000000)
check("1 MB", True, do("python_reverse", large).data == [large[::-1]])
check("an empty result", (True, False, []), (lambda job: (job.complete, job.failure, job.data))(do("python_empty")))
check("the unique key", [b"my key"], do("python_unique", unique="my key").data)

job = do("python_pieces")
check("data, warnings and the result", [b"one\0", b"careful", b"two", b"end"], job.data)
check("a warning", True, job.warning)
check("status", (b"3", b"3"), (job.numerator, job.denominator))

check("a failure", True, do("python_fail").failure)
check("an exception", b"on purpose", do("python_raise").exception)
job = do("python_raise", by=connect())
check("an exception for who did not ask", (True, None), (job.failure, job.exception))

jobs = [submit("python_reverse", b"job-%d" % n) for n in range(20)]
check("many jobs", True, until(lambda: all(job.complete for job in jobs)))
check("each its own result", True, all(job.data == [job.arguments[::-1]] for job in jobs))
for precedence in (gear.PRECEDENCE_HIGH, gear.PRECEDENCE_LOW):
    check("precedence %d" % precedence, [b"ba"], do("python_reverse", b"ab", precedence=precedence).data)

queued = submit("python_nobody", unique="nobody", background=True)
again = submit("python_nobody", unique="nobody", background=True)
check("one job of a key", queued.handle, again.handle)
connection = client.getConnection()


def line(request):
    connection.sendAdminRequest(request, timeout=LONG)
    return request.response.decode()


check("status of functions", True, "python_nobody\t1\t0\t0\n" in line(gear.StatusAdminRequest()))
check("workers", True, " python-worker : " in line(gear.WorkersAdminRequest()))
check("show jobs", True, queued.handle.decode() in line(gear.ShowJobsAdminRequest()))
check("show unique jobs", True, "nobody\n" in line(gear.ShowUniqueJobsAdminRequest()))
check("cancel job", "OK\r\n", line(gear.CancelJobAdminRequest(queued.handle)))
if sys.argv[2] == "ours":  # C counts it until a worker asks
    check("nothing is left", False, "python_nobody\t1" in line(gear.StatusAdminRequest()))

if folder:
    # It copies all that it has for each 4 KiB that come, so a worker in PHP takes as much.
    about = do("about", b"x" * (64 << 20)).data
    check("64 MB to a worker", True, b'"size":67108864' in b"".join(about))
    stranger = folder + "/../stranger"

    def refused(*files):
        try:
            gear.Connection("127.0.0.1", port, *files).connect()
        except gear.ConnectionError:
            return True
        return False

    check("a server of another CA is refused", True, refused(*tls(stranger, folder)))
    check("a client of another CA is refused", True, refused(*tls(folder, stranger)))
    check("and others are not", False, refused(*tls(folder)))
