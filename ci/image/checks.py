"""checks.py ROOTFS CONFIG: what docs/container.md says of the image, tried out.

ROOTFS is a folder with the image's files, CONFIG what Docker knows of it, as JSON. A container is made of them as Docker does: namespaces of
its own for mounts, processes and the network, a root folder that cannot be written to, the image's user without any right,
a volume. As root. The last line is "N passed, N failed, N skipped".
"""

import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time

from engine import HERE, Container, children

ROOTFS = pathlib.Path(sys.argv[1])
CONFIG = json.loads(pathlib.Path(sys.argv[2]).read_text())
PROJECT = HERE.parents[1]
QUEUE = ["--queue-type", "libsqlite3", "--libsqlite3-db", "queue.db"]


class Skipped(Exception):
    """Why a check cannot be made here."""


def described(folder):
    """what Docker knows: a user by number, programs without a shell, a volume, a port, a signal, a licence"""
    user, _, group = CONFIG["User"].partition(":")
    assert int(user) > 0 and int(group) > 0, CONFIG["User"]
    assert CONFIG["Entrypoint"] == ["gearmand"], CONFIG["Entrypoint"]
    assert CONFIG["Healthcheck"]["Test"][0] == "CMD", CONFIG["Healthcheck"]
    # A server that read a long queue was unhealthy after a minute.
    assert CONFIG["Healthcheck"]["StartPeriod"] == 600 * 10**9, CONFIG["Healthcheck"]
    assert CONFIG["StopSignal"] == "SIGTERM", CONFIG["StopSignal"]
    assert list(CONFIG["Volumes"]) == ["/var/lib/gearmand"], CONFIG["Volumes"]
    assert list(CONFIG["ExposedPorts"]) == ["4730/tcp"], CONFIG["ExposedPorts"]
    assert CONFIG["Labels"]["org.opencontainers.image.licenses"] == "MIT OR Apache-2.0", CONFIG["Labels"]


def small(folder):
    """three static programs, zones of time, authorities; no shell, no library, nothing of the build"""
    files = [path for path in ROOTFS.rglob("*") if path.is_file() and not path.is_symlink()]
    programs = sorted(path.name for path in files if os.access(path, os.X_OK))
    assert [p for p in programs if path_of(p).stat().st_mode & 0o111] == ["gearadmin", "gearman", "gearmand"], programs
    for program in programs:
        headers = subprocess.check_output(["objdump", "-p", path_of(program)], text=True)
        assert "NEEDED" not in headers and "INTERP" not in headers, program
    assert (ROOTFS / "usr/share/zoneinfo/Europe/Berlin").is_file()
    assert (ROOTFS / "etc/ssl/certs/ca-certificates.crt").stat().st_size > 10_000
    print(f"         {sum(path.stat().st_size for path in files) / 1e6:.1f} MB")


def path_of(program):
    return ROOTFS / "usr/local/bin" / program


def serves(folder):
    """it serves as process 1 without any right, where its root folder cannot be written to; its health is told"""
    with Container(ROOTFS, CONFIG, folder) as container:
        assert container.health() != 0, "healthy before it runs"
        container.start()
        container.wait_until_healthy()
        assert container.run("gearadmin", "--getpid").stdout.split()[-1] == "1"
        status = container.status()
        assert status["Uid"].split() == [CONFIG["User"].partition(":")[0]] * 4, status
        assert int(status["CapEff"], 16) == int(status["CapPrm"], 16) == 0, status
        assert not children(container.pid), "it started processes, whose ends nobody would wait for"
        os.kill(container.pid, signal.SIGSTOP)
        assert container.health() != 0, "healthy though it is stopped"
        os.kill(container.pid, signal.SIGCONT)
        container.wait_until_healthy()


def by_name(folder):
    """names are looked up in DNS and in /etc/hosts"""
    with Container(ROOTFS, CONFIG, folder) as container:
        container.start()
        container.wait_until_healthy()
        for name in ["queue.example", "localhost"]:
            answer = container.run("gearadmin", "--host", name, "--server-version")
            assert answer.returncode == 0, answer


def ends(folder):
    """SIGTERM ends it with status 0 before Docker's ten seconds are over, also where a job does not end"""
    with Container(ROOTFS, CONFIG, folder) as container:
        container.start()
        container.wait_until_healthy()
        container.help(*container.within(sys.executable, HERE / "worker.py"))
        begin = time.monotonic()
        assert container.stop() == 0, container.log()
        assert time.monotonic() - begin < 10, "Docker would have killed it"


def keeps(folder):
    """background jobs in the volume are there again in the next container"""
    for is_new in [True, False]:
        with Container(ROOTFS, CONFIG, folder, *QUEUE) as container:
            container.start()
            container.wait_until_healthy()
            for _ in range(3 if is_new else 0):
                answer = container.run("gearman", "-b", "-f", "later", "work")
                assert answer.returncode == 0, answer
            status = container.run("gearadmin", "--status").stdout
            assert status.split()[:2] == ["later", "3"], status
            assert container.stop() == 0, container.log()


def in_kubernetes(folder):
    """what Kubernetes puts into GEARMAND_PORT does no harm; arguments go before what the image sets"""
    port = "tcp://10.96.0.1:4730"
    with Container(ROOTFS, CONFIG, folder, "--verbose", "INFO", env={"GEARMAND_PORT": port}) as container:
        container.start()
        container.wait_until_healthy()
        assert container.stop() == 0
        assert f"GEARMAND_PORT={port} is ignored" in container.log(), container.log()
        assert " INFO " in container.log(), container.log()


def composed(folder):
    """examples/compose is what Docker's compose takes; the server takes the options in it"""
    compose = next((words for words in (["docker", "compose"], ["docker-compose"]) if "--format" in said(*words, "config", "--help")), None)
    if compose is None:
        raise Skipped("there is no docker compose, version 2")
    file = PROJECT / "examples/compose/docker-compose.yml"
    text = subprocess.check_output([*compose, "--file", file, "--profile", "client", "config", "--format", "json"], text=True)
    services = json.loads(text)["services"]
    assert sorted(services) == ["client", "postgres", "server1", "server2", "worker"], list(services)
    assert all(service["read_only"] for service in services.values()), "a root folder can be written to"
    with Container(ROOTFS, CONFIG, folder) as container:
        (container.volume / "password").write_text("secret\n")
        options = [o.replace("/run/secrets/database", "password") for o in services["server1"]["command"]]
        answer = container.run("gearmand", *options, "--check-args")
        assert answer.returncode == 0, answer


def said(*command):
    try:
        return subprocess.run(command, capture_output=True, text=True).stdout
    except FileNotFoundError:
        return ""


def main():
    counts = {"passed": 0, "failed": 0, "skipped": 0}
    for check in [described, small, serves, by_name, ends, keeps, in_kubernetes, composed]:
        result, why = "passed", ""
        with tempfile.TemporaryDirectory(dir=ROOTFS.parent) as folder:
            try:
                check(pathlib.Path(folder))
            except Skipped as reason:
                result, why = "skipped", f": {reason}"
            except Exception as error:  # whatever it is, the other checks go on
                result, why = "failed", f": {type(error).__name__}: {error}"
        counts[result] += 1
        print(f"{result:8} {check.__doc__}{why}", flush=True)
    print(", ".join(f"{count} {result}" for result, count in counts.items()))
    sys.exit(0 if counts["passed"] and not counts["failed"] else 1)


main()
