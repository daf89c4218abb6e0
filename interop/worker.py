"""A worker by Python's gear: worker.py PORT [CERTIFICATES]; the functions that client.py asks for. With TLS where there is a folder of
certificates."""

import sys

import gear


def pieces(job):
    for n in (1, 2, 3):
        job.sendWorkStatus(n, 3)
    job.sendWorkData(b"one\0")
    job.sendWorkWarning(b"careful")
    job.sendWorkData(b"two")
    job.sendWorkComplete(b"end")


functions = {
    "python_reverse": lambda job: job.sendWorkComplete(job.arguments[::-1]),
    "python_empty": lambda job: job.sendWorkComplete(),
    "python_unique": lambda job: job.sendWorkComplete(job.unique),
    "python_pieces": pieces,
    "python_fail": lambda job: job.sendWorkFail(),
    "python_many": lambda job: job.sendWorkComplete(b"m" * (int(job.arguments) << 20)),
    "python_raise": lambda job: job.sendWorkException(b"on purpose"),
}

worker = gear.Worker("python-worker")
files = [sys.argv[2] + name for name in ("/client.key", "/client.pem", "/ca.pem")] if len(sys.argv) > 2 else []
worker.addServer("127.0.0.1", int(sys.argv[1]), *files)
worker.waitForServer()
for name in functions:
    worker.registerFunction(name)
while True:
    job = worker.getJob()
    functions[job.name](job)
