// What an operator should look at first. Owns what counts as a problem; must never know how it is shown.

import { count, duration, plural } from "./format.js";
import { seriesOf } from "./store.js";

const OLD = 60; // seconds: a job that waits less long is never a problem
const UNUSUAL = 3; // times what 95% of the function's jobs wait
const RECENT = 300; // seconds in which dead letters count as new

/** Problems, the worst first: `{ kind, text, href }`; href is the function's, none where it is about the server. */
export function problems({ server, functions }) {
	return [...ofServer(server), ...functions.flatMap(ofFunction).sort((a, b) => a.rank - b.rank)];
}

function* ofServer(server) {
	if (server.draining) yield { kind: "Draining", text: "The server finishes its jobs and takes no new ones." };
	else if (!server.ready) yield { kind: "Not ready", text: "The server takes no jobs; /readyz says why." };
}

function ofFunction(f) {
	const found = [];
	const add = (rank, kind, text) => found.push({ rank, kind, text, href: f.href, name: f.function });
	const jobs = plural(f.queued, "job waits", "jobs wait");
	if (f.queued > 0 && f.workers === 0)
		add(0, "No worker", `${jobs}, and no worker can run ${f.queued === 1 ? "it" : "them"}.`);
	const dead = seriesOf(f.href).growth("dead", RECENT);
	if (dead > 0)
		add(1, "Dead letters", `${count(dead)} more in the last ${duration(RECENT)}, ${count(f.dead)} in all.`);
	if (f.queued > 0 && f.paused) add(2, "Paused", `${jobs}, and none is handed out.`);
	else if (f.workers > 0 && f.oldest > OLD && f.oldest > UNUSUAL * (f.waited.p95 ?? 0)) {
		const usual = f.waited.p95 == null ? "" : ` Usually 95% begin within ${duration(f.waited.p95)}.`;
		add(3, "Waiting long", `The next job has waited ${duration(f.oldest)}.${usual}`);
	}
	return found;
}
