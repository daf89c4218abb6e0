"""A worker by Python's gear: policies.py PORT FOLDER; see policies.sh."""

import os
import sys
import time

import gear

port, folder = int(sys.argv[1]), sys.argv[2]
worker = gear.Worker("policies")
worker.addServer("127.0.0.1", port)
worker.waitForServer()
worker.registerFunction("python_fail")
worker.registerFunction("python_raise")
while True:
    job = worker.getJob()
    name = job.name.decode() if isinstance(job.name, bytes) else job.name
    with open(os.path.join(folder, name + ".tries"), "a") as tries:
        tries.write("%d\n" % (time.time() * 1000))
    if os.path.exists(os.path.join(folder, "good")):
        job.sendWorkComplete(b"done")
    elif name == "python_fail":
        job.sendWorkFail()
    else:
        job.sendWorkException(b"no disk")
