"""steps.py CHECKOUT RECORD list|run [PATTERN...]: the run: steps of the workflows, see ci/workflow-steps.sh.

RECORD keeps what came of each step, by its text and environment: a step that was changed has not been run.
"""

import itertools
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import time

import yaml

CHECKOUT, RECORD = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
CANNOT_BE_HAD = 69

# What only GitHub has: a word of the step, and why it is not run here.
NEEDS_GITHUB = {
    "sha256sum": "sums up what the other jobs made; ci/release/tests.sh tries it",
    "docker login": "logs in to GitHub's registry",
    "release/image.sh": "pushes to GitHub's registry; the image is built and tried by the row image",
    "gh release create": "makes a release of GitHub's",
    "gh release edit": "publishes a release of GitHub's",
    "release/verify.sh": "asks GitHub for the draft and its signatures",
    "imagetools": "gives names in GitHub's registry",
}


def expressions(text, context):
    """The text with what ${{ }} stands for."""
    return re.sub(r"\$\{\{ *([a-z_.]+) *\}\}", lambda match: str(context.get(match[1], match[0])), str(text))


def combinations(matrix):
    """Each set of values of a job's matrix."""
    included = matrix.get("include", [])
    axes = {name: values for name, values in matrix.items() if name != "include"}
    crossed = [dict(zip(axes, values)) for values in itertools.product(*axes.values())] if axes else []
    return crossed + included or [{}]


def steps():
    """(name, command, environment) of each step."""
    version = re.search(r'^version = "(.*)"', (CHECKOUT / "Cargo.toml").read_text(), re.MULTILINE)[1]
    for file in sorted((CHECKOUT / ".github/workflows").glob("*.yml")):
        workflow = yaml.safe_load(file.read_text())
        for job_name, job in workflow["jobs"].items():
            for values in combinations(job.get("strategy", {}).get("matrix", {})):
                context = {"github.ref_name": version, "github.token": "", "github.actor": "nobody"}
                context |= {f"matrix.{name}": value for name, value in values.items()}
                for step in job.get("steps", []):
                    if "run" not in step:
                        continue
                    of = [workflow.get("env", {}), job.get("env", {}), step.get("env", {})]
                    environment = {name: expressions(value, context) for level in of for name, value in level.items()}
                    words = [file.stem, job_name, *map(str, values.values()), step["name"]]
                    yield ": ".join([" ".join(words[:-1]), words[-1]]), step["run"], environment


def reason(name, command):
    if "-arm: " in name and "docker run" in command and os.uname().machine != "aarch64":
        return "not had: a machine of arm64"
    return next((f"needs GitHub: {why}" for word, why in NEEDS_GITHUB.items() if word in command), None)


def run(name, command, environment):
    """Runs it as GitHub does, and returns what came of it."""
    begin = time.monotonic()
    log = RECORD.parent / (re.sub(r"[^A-Za-z0-9.]+", "-", name) + ".log")
    files = {name: tempfile.NamedTemporaryFile(delete=False).name for name in ["GITHUB_OUTPUT", "GITHUB_PATH", "GITHUB_ENV"]}
    path = f"{CHECKOUT}/ci/steps:{os.environ['PATH']}"
    with log.open("w") as output:
        status = subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", command],
            cwd=CHECKOUT, env=os.environ | files | environment | {"CI": "true", "PATH": path},
            stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
        ).returncode  # fmt: skip
    for file in files.values():
        os.unlink(file)
    last = (log.read_text(errors="replace").strip().splitlines() or [""])[-1]
    if status == CANNOT_BE_HAD:
        return last
    result = "ran" if status == 0 else f"FAILED with {status}"
    return f"{result} ({time.monotonic() - begin:.0f} s): {last}"


def main():
    action, *patterns = sys.argv[3:] or ["list"]
    record = json.loads(RECORD.read_text()) if RECORD.exists() else {}
    failed = False
    for name, command, environment in steps():
        key = json.dumps([command, environment])
        result = reason(name, command) or record.get(key, "not run yet")
        if action == "run" and not reason(name, command) and (not patterns or any(pattern in name for pattern in patterns)):
            result = record[key] = run(name, command, environment)
            RECORD.write_text(json.dumps(record, indent=1))
        elif action == "run":
            continue
        failed |= result.startswith("FAILED")
        print(f"{name}\n    {result}", flush=True)
    sys.exit(failed)


main()
