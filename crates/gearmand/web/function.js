// One function: its charts, jobs, dead letters and policy. Owns what is done with the function as a whole.

import { ask, confirmed, perform } from "./actions.js";
import { get, me, post, remove } from "./api.js";
import { charts } from "./charts.js";
import { deadList } from "./dead.js";
import { button, facts, h } from "./dom.js";
import { count, duration, plural } from "./format.js";
import { jobList } from "./jobs.js";
import { policySection } from "./policy.js";
import { Series } from "./series.js";
import { loadHistory } from "./store.js";

const COUNTS = {
	submitted: "submitted",
	coalesced: "joined a job with their unique key",
	refused: "refused",
	assigned: "tries begun",
	completed: "completed",
	failed: "failed",
	exceptions: "exceptions",
	timed_out: "timeouts",
	given_back: "given back by lost workers",
	retried: "retries",
	dead: "became dead letters",
	revived: "dead letters tried again",
	cancelled: "cancelled",
	abandoned: "nobody waited any more",
	unstored: "could not be stored",
	restored: "found on disk at the start",
};

export async function functionView({ parts: [, name] }) {
	const href = `/api/v1/functions/${name}`;
	const series = new Series();
	let current = await get(href);
	await loadHistory(series, `?function=${name}`);

	const paused = h("span", { class: "tag", id: "paused" }, "paused");
	const pause = button(
		"Pause",
		toggle("pause", () => `${current.function} is paused.`),
	);
	const resume = button(
		"Resume",
		toggle("resume", () => `${current.function} goes on.`),
	);
	const drop = button("Remove", removeFunction, { class: "danger" });
	const lines = facts(["Queued", "Free", "Running", "Delayed", "Dead", "Workers", "Oldest waits", "Limit"], {
		id: "facts",
		class: "facts big",
	});
	const graphs = charts();
	const counts = facts(Object.values(COUNTS));
	const jobs = jobList(href);
	const dead = deadList(href);
	const policy = policySection(name, () => current.function, load);

	const element = h(
		"div",
		{},
		h(
			"div",
			{ class: "bar" },
			h("h1", { tabindex: -1 }, current.function, " ", paused),
			me.admin && h("div", { class: "actions" }, pause, resume, drop),
		),
		h("div", { class: "card" }, lines.element),
		graphs.element,
		jobs.element,
		dead.element,
		policy.element,
		h("details", { class: "card" }, h("summary", {}, "Counts since the function appeared"), counts.element),
	);

	function toggle(verb, done) {
		return async () => {
			const focused = document.activeElement;
			if (!(await perform(() => post(`${href}/${verb}`), done))) return;
			await load();
			if (focused.hidden) (pause.hidden ? resume : pause).focus();
		};
	}

	async function removeFunction() {
		const text = current.queued
			? `${plural(current.queued, "job waits", "jobs wait")} and will be gone.`
			: "It appears again when a worker can run it, or a job asks for it.";
		if (!(await confirmed(`Remove ${current.function}?`, text, "Remove"))) return;
		if (await perform(() => remove(href), `Removed ${current.function}.`)) location.hash = "#/";
	}

	function draw(f) {
		current = f;
		paused.hidden = resume.hidden = !f.paused;
		pause.hidden = f.paused;
		drop.hidden = f.workers > 0 || f.running > 0;
		const limits = Object.entries(f.limits)
			.filter(([, most]) => most > 0)
			.map(([priority, most]) => `${priority} ${count(most)}`);
		lines.show([
			count(f.queued),
			f.free == null ? null : count(f.free),
			count(f.running),
			count(f.delayed),
			count(f.dead),
			count(f.workers),
			duration(f.oldest),
			limits.join(", ") || null,
		]);
		counts.show(Object.keys(COUNTS).map((key) => count(f.counts[key])));
		graphs.show(series.samples);
		dead.of(f);
	}

	function load() {
		return ask(async () => {
			const f = await get(href);
			draw(f);
			await policy.load(f.policy);
		});
	}

	draw(current);
	await policy.load(current.policy);
	return {
		title: current.function,
		element,
		stream: name,
		detail({ at, sample, function: f }) {
			if (sample) series.add({ ...sample, at });
			if (!f) return; // it is gone; what was known of it stays
			const was = current.paused;
			draw({ ...f, policy: current.policy });
			const c = f.counts;
			jobs.tick([f.total, f.queued, f.running, c.submitted, c.assigned, c.cancelled].join());
			dead.tick([f.dead, c.dead, c.revived].join());
			if (was !== f.paused) load(); // somebody else did that; the policy says how
		},
		async refresh() {
			await loadHistory(series, `?function=${name}`);
			jobs.load();
			dead.load();
			await load();
		},
		close() {
			graphs.close();
			jobs.close();
			dead.close();
		},
	};
}
