"""metrics.py PORT HTTP_PORT [PROMETHEUS_PORT PROMTOOL]: a scrape, as the parser of Prometheus' own Python client reads it.

Functions with awkward names, jobs that wait and that are done. What is read has to be what was done. Files of contrib/
name no metric that is not there (those of clusters: at the server of CLUSTER_HTTP), and where Prometheus runs, it knows the same and understands each query of theirs.
"""

import json
import os
import re
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request

from prometheus_client.openmetrics.parser import text_string_to_metric_families as read_open
from prometheus_client.parser import text_string_to_metric_families as read_plain
from scrape import Peer

NAMES = [
    b"plain",
    b'quote"d',
    b"back\\slash",
    b"\\x41",
    b"line\nfeed",
    b"carriage\rreturn\ttab",
    b"no \xff\xfe UTF-8",
    b"half \xc3",
    "größe 名前 \N{GRINNING FACE}".encode(),
    b"{a=\"b\",c=\"d\"} 1 # x",
    b"(others)",
    b"$function .* |",
]


def check(name, wanted, got):
    print(f"ok   {name}" if wanted == got else f"FAIL {name}: wanted {wanted!r}, got {got!r}")


def get(port, path, accept="*/*"):
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", headers={"Accept": accept})
    with urllib.request.urlopen(request, timeout=20) as answer:
        return answer.headers["Content-Type"], answer.read().decode()


def name_of(label):
    """The bytes that a label stands for."""
    return re.sub(rb"\\x([0-9a-f]{2})", lambda m: bytes([int(m[1], 16)]), label.encode())


def by_function(families):
    """Samples without what is not of a function: (sample's name, function's name, other labels) -> value."""
    found = {}
    for family in families:
        for sample in family.samples:
            if "function" in sample.labels:
                others = tuple(sorted((k, v) for k, v in sample.labels.items() if k != "function"))
                found[sample.name, name_of(sample.labels["function"]), others] = sample.value
    return found


def make_jobs(port):
    """Each function gets two jobs more than the one before, and one of them is done."""
    peer = Peer(port)
    for at, name in enumerate(NAMES):
        peer.run_job(name, 2 * at + 2)


def until(condition):
    """Its value, once that is true."""
    deadline = time.monotonic() + 60
    while not (value := condition()) and time.monotonic() < deadline:
        time.sleep(0.05)
    return value


def families_of(http):
    kind, text = get(http, "/metrics")
    check("the type is that of OpenMetrics", "application/openmetrics-text; version=1.0.0; charset=utf-8", kind)
    return list(read_open(text))


def check_scrape(families):
    found = by_function(families)
    check("each name is read as it is", set(NAMES), {name for _, name, _ in found})
    for at, name in enumerate(NAMES):
        get_value = lambda sample, *others: found[sample, name, others]
        values = (
            get_value("gearman_jobs"),
            get_value("gearman_jobs_queued", ("priority", "normal")),
            get_value("gearman_jobs_submitted_total"),
            get_value("gearman_jobs_ended_total", ("outcome", "completed")),
            get_value("gearman_job_run_seconds_count"),
            get_value("gearman_job_run_seconds_bucket", ("le", "+Inf")),
        )
        check(f"the numbers of {name!r}", (2 * at + 1, 2 * at + 1, 2 * at + 2, 1, 1, 1), values)
    check("each metric is explained", [], [f.name for f in families if not f.documentation])


def check_plain(http, families, promtool):
    kind, text = get(http, "/metrics", "text/plain")
    check("Prometheus' own format where that is asked for", "text/plain; version=0.0.4; charset=utf-8", kind)
    gauges = lambda found: {key: value for key, value in found.items() if key[0] == "gearman_jobs"}
    check("it says the same", gauges(by_function(families)), gauges(by_function(read_plain(text))))
    if promtool:
        said = subprocess.run([promtool, "check", "metrics"], input=text.encode(), capture_output=True)
        check("promtool finds nothing to say of it", (0, b"", b""), (said.returncode, said.stdout, said.stderr))


def queries():
    """What contrib/ asks Prometheus for, with values for what Grafana puts in."""
    with open("contrib/prometheus-rules.yml") as file:
        rules = re.findall(r"^ *expr: (?:>\n((?: {10}.*\n)+)|(.*)\n)", file.read(), re.M)
    with open("contrib/grafana-dashboard.json") as file:
        dashboard = json.load(file)
    found = [block or line for block, line in rules]
    found += [target["expr"] for panel in dashboard["panels"] for target in panel.get("targets", [])]
    found += [annotation["expr"] for annotation in dashboard["annotations"]["list"]]
    for variable in dashboard["templating"]["list"]:
        if variable["type"] == "query":
            found.append(re.fullmatch(r"label_values\((.*), \w+\)", variable["query"]["query"])[1])
    replaced = [re.sub(r"\$(job|instance|function)", ".*", query) for query in found]
    return [query.replace("$__rate_interval", "1m") for query in replaced]


def check_files(families, of_cluster):
    there = {sample.name for family in families + of_cluster for sample in family.samples} | {"up"}
    asked = set()
    for query in queries():
        bare = re.sub(r'"[^"]*"', "", query)
        asked |= set(re.findall(r"\b(?:gearman|gearmand|process)_\w+|\bup\b", bare))
    check("contrib/ asks for much", True, len(asked) > 30 and len(queries()) > 50)
    shared = {name for name in asked if re.match("gearmand_cluster_|gearman_jobs_free", name)}
    check("and for no metric that is not there", set(), asked - there - (set() if of_cluster else shared))


def ask_prometheus(port, query):
    """The answer's samples; None: it did not understand."""
    text = urllib.parse.urlencode({"query": query})
    try:
        return json.loads(get(port, f"/api/v1/query?{text}")[1])["data"]["result"]
    except urllib.error.HTTPError as error:
        print(query, error.read().decode(), file=sys.stderr)
        return None


def has_scraped(port):
    """Prometheus has come after the last job."""
    try:
        done = ask_prometheus(port, "sum(gearman_job_run_seconds_count)")
    except OSError:
        return False
    return bool(done) and done[0]["value"][1] == str(len(NAMES))


def check_prometheus(port, families):
    check("Prometheus reads it", True, until(lambda: has_scraped(port)))
    for name in ("gearman_jobs", "gearman_job_run_seconds_bucket", "gearman_jobs_ended_total"):
        wanted = {key: value for key, value in by_function(families).items() if key[0] == name}
        got = {}
        for sample in ask_prometheus(port, name):
            labels = sample["metric"]
            others = tuple(sorted((k, v) for k, v in labels.items() if k not in ("__name__", "function", "instance", "job")))
            others = tuple((k, "1.0" if (k, v) == ("le", "1") else v) for k, v in others)
            got[name, name_of(labels["function"]), others] = float(sample["value"][1])
        check(f"Prometheus has each {name}", wanted, got)
    up = ask_prometheus(port, 'up{job="gearmand"}')
    check("it finds the server up", ["1"], [sample["value"][1] for sample in up])
    types = json.loads(get(port, "/api/v1/metadata")[1])["data"]
    kinds = {name: entry[0]["type"] for name, entry in types.items()}
    check("it knows the type of each", {f.name: f.type for f in families}, {f.name: kinds.get(f.name) for f in families})
    bad = [query for query in queries() if ask_prometheus(port, query) is None]
    check("it understands each query of contrib/", [], bad)


def main():
    port, http = map(int, sys.argv[1:3])
    make_jobs(port)
    families = families_of(http)
    check_scrape(families)
    check_plain(http, families, *sys.argv[4:] or [None])
    cluster = os.environ.get("CLUSTER_HTTP")
    check_files(families, families_of(int(cluster)) if cluster else [])
    check("/readyz", "ok\n", get(http, "/readyz")[1])
    if len(sys.argv) > 3:
        check_prometheus(int(sys.argv[3]), families)


main()
