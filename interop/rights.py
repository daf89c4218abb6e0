"""A client and a worker by Python's gear, on a server that refuses what does not begin with "open": rights.py PORT; prints
lines of checks."""

import sys
import threading
import time

import gear

port = int(sys.argv[1])
LONG = 20


def check(name, wanted, got):
    print("ok   " + name if wanted == got else "FAIL %s: wanted %r, got %r" % (name, wanted, got), flush=True)


client = gear.Client()
client.addServer("127.0.0.1", port)
client.waitForServer(timeout=LONG)

# It logs errors and waits on, up to the caller's time.
begin = time.time()
try:
    client.submitJob(gear.Job(b"secret", b""), timeout=1)
    ended = "accepted"
except Exception as error:
    ended = type(error).__name__
check("a job that is refused is not accepted", True, ended != "accepted")
check("and the wait for it ends", True, time.time() - begin < LONG)

worker = gear.Worker("rights")
worker.addServer("127.0.0.1", port)
worker.waitForServer(timeout=LONG)
# Not one that is refused: gear takes any ERROR for the answer to a job, fails to find that, and connects anew, for ever.
worker.registerFunction("open_python")


def work():
    job = worker.getJob()
    job.sendWorkComplete(job.arguments[::-1])


threading.Thread(target=work, daemon=True).start()
fresh = gear.Client()
fresh.addServer("127.0.0.1", port)
fresh.waitForServer(timeout=LONG)
job = gear.Job(b"open_python", b"hello")
fresh.submitJob(job, timeout=LONG)
deadline = time.time() + LONG
while not job.complete and time.time() < deadline:
    time.sleep(0.01)
check("a worker does what it may do", b"olleh", b"".join(job.data))
