"""A container of an image's files, made as Docker makes one."""

import os
import pathlib
import shutil
import signal
import subprocess
import sys
import time

DEADLINE = 60  # seconds, for whatever is waited for
HERE = pathlib.Path(__file__).parent

# What Docker does before the image's program is run: $1 is the folder of the root, $2 the volume. It keeps the namespaces.
SETUP = """
mount --bind "$1" "$1"
mount --bind "$2" "$1/var/lib/gearmand"
mount --rbind /dev "$1/dev"
mount -o remount,ro,bind "$1"
mount -t proc proc "$1/proc"
ip link set lo up
echo ready
exec sleep infinity
"""


def wait_for(condition):
    """What the condition answers as soon as that is something."""
    end = time.monotonic() + DEADLINE
    while not (answer := condition()):
        assert time.monotonic() < end, f"waited in vain for {condition}"
        time.sleep(0.05)
    return answer


class Helper:
    """A process that says when it is ready, and is killed when it is no longer needed."""

    def __init__(self, *command):
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        said = self.process.stdout.readline()
        if said != "ready\n":
            self.end()
            raise AssertionError(f"{command} says {said!r}; is this root?")

    def end(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()


class Container:
    """In it the image's program is run with these arguments. The folder has its volume, which outlives it."""

    def __init__(self, rootfs, config, folder, *arguments, env=None):
        self.config, self.arguments = config, arguments
        self.volume, self.root = folder / "volume", folder / "root"
        self.env = dict(pair.split("=", 1) for pair in config["Env"]) | (env or {})
        self.log_file = folder / "log"
        self.program, self.helpers = None, []
        # The image's folder, and whose it is.
        if not self.volume.exists():
            image = rootfs / "var/lib/gearmand"
            shutil.copytree(image, self.volume)
            os.chown(self.volume, image.stat().st_uid, image.stat().st_gid)
        shutil.copytree(rootfs, self.root, symlinks=True)
        # Docker puts these there as well.
        for name in ["proc", "dev"]:
            (self.root / name).mkdir(exist_ok=True)
        (self.root / "etc/hosts").write_text("127.0.0.1 localhost\n")
        (self.root / "etc/resolv.conf").write_text("nameserver 127.0.0.1\n")

    def __enter__(self):
        holder = self.help("unshare", "--mount", "--net", "sh", "-euc", SETUP, "sh", self.root, self.volume)
        self.holder = holder.process.pid
        self.help(*self.within(), sys.executable, HERE / "names.py")
        return self

    def __exit__(self, *_):
        if self.program and self.program.poll() is None:
            os.kill(self.pid, signal.SIGKILL)
            self.program.wait()
        for helper in reversed(self.helpers):
            helper.end()
        shutil.rmtree(self.root)

    def help(self, *command):
        self.helpers.append(Helper(*command))
        return self.helpers[-1]

    def within(self, *command):
        return ["nsenter", f"--target={self.holder}", "--mount", "--net", *command]

    def as_user(self, *command):
        variables = [f"{name}={value}" for name, value in self.env.items()]
        enter = [sys.executable, HERE / "enter.py", self.root, self.config["WorkingDir"], self.config["User"]]
        return ["env", "-i", *variables, *enter, *command]

    def start(self):
        """As process 1 of processes of its own."""
        program = [*self.config["Entrypoint"], *(self.config.get("Cmd") or []), *self.arguments]
        command = self.within("unshare", "--pid", "--fork", "--kill-child", *self.as_user(*program))
        with self.log_file.open("a") as log:
            self.program = subprocess.Popen(command, stdout=log, stderr=log)
        self.pid = wait_for(lambda: children(self.program.pid))[0]

    def run(self, *command):
        return subprocess.run(self.within(*self.as_user(*command)), capture_output=True, text=True, timeout=DEADLINE)

    def health(self):
        return self.run(*self.config["Healthcheck"]["Test"][1:]).returncode

    def wait_until_healthy(self):
        def healthy():
            assert self.program.poll() is None, f"it ended: {self.log()}"
            return self.health() == 0

        wait_for(healthy)

    def stop(self):
        """Sends the image's signal, and returns the exit status."""
        os.kill(self.pid, getattr(signal, self.config["StopSignal"]))
        return self.program.wait(DEADLINE)

    def log(self):
        return self.log_file.read_text()

    def status(self):
        lines = pathlib.Path(f"/proc/{self.pid}/status").read_text().splitlines()
        return dict(line.split(":\t", 1) for line in lines if ":\t" in line)


def children(pid):
    return [int(p) for p in pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
