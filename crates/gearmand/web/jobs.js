// Jobs of a function, and one job. Owns what is shown of a job and what can be done with it.

import { confirmed, perform } from "./actions.js";
import { get, me, post, Problem, remove, segment } from "./api.js";
import { button, facts, h, setText } from "./dom.js";
import { bytes, content, count, duration, relative, time, visible } from "./format.js";
import { functionLink } from "./overview.js";
import { paged } from "./paged.js";
import { table } from "./table.js";

export const jobLink = (href, handle) => h("a", { href: `#/jobs/${segment(href)}` }, handle);

/** Why a try ended, or a job became a dead letter. */
export const REASONS = {
	fail: "Failed",
	exception: "Exception",
	timeout: "Took too long",
	death: "Worker was lost",
	buried: "Buried",
};

const LIVES = ["storing", "queued", "delayed", "running"];

const progress = ([done, of]) => `${count(done)} of ${count(of)}`;

function when(job) {
	if (job.state === "delayed" && job.due != null) return relative(job.due);
	return job.age == null ? "–" : `for ${duration(job.age)}`;
}

function who(job) {
	const at = job.progress?.[1] ? `, ${progress(job.progress)}` : "";
	return job.worker == null ? "–" : `${job.worker}${at}`;
}

export async function cancel(job) {
	const sure = await confirmed(
		"Cancel this job?",
		`${job.handle} will not be done. Clients that wait for it are told that it failed.`,
		"Cancel job",
	);
	return sure && perform(() => remove(job.href), `Cancelled ${job.handle}.`);
}

const columns = (changed) => [
	{ id: "handle", label: "Handle", make: (job) => ({ element: jobLink(job.href, job.handle) }) },
	{ id: "state", label: "State", text: (job) => job.state },
	{ id: "when", label: "Since", text: when },
	{ id: "priority", label: "Priority", text: (job) => job.priority },
	{ id: "unique", label: "Unique key", text: (job) => job.unique || "–", dim: (job) => !job.unique },
	{ id: "tries", label: "Tries", number: true, text: (job) => count(job.tries) },
	{ id: "size", label: "Size", number: true, text: (job) => bytes(job.size) },
	{ id: "worker", label: "Worker", text: who, dim: (job) => job.worker == null },
	...(me.admin
		? [
				{
					id: "actions",
					label: "Actions",
					make: (job) => ({ element: button("Cancel", async () => (await cancel(job)) && changed()) }),
				},
			]
		: []),
];

export function jobList(functionHref) {
	const rows = table({
		name: "jobs",
		label: "Jobs",
		columns: columns(() => pages.load()),
		keyOf: (job) => job.handle,
		data: (job) => ({ job: job.handle }),
	});
	const box = h("div", { class: "card flush", hidden: true }, rows.element);
	const pages = paged({
		path: `${functionHref}/jobs`,
		name: "jobs",
		label: "jobs",
		size: 20,
		empty: "No job waits or runs.",
		show(jobs) {
			box.hidden = jobs.length === 0;
			rows.show(jobs);
		},
	});
	const element = h(
		"section",
		{ id: "jobs", "aria-labelledby": "jobs-title" },
		h("h2", { id: "jobs-title", tabindex: -1 }, "Jobs"),
		box,
		pages.elements,
	);
	pages.load();
	return { element, load: pages.load, tick: pages.tick, close: pages.close };
}

/** A workload or a result: always text, whatever it is. */
export function payload(label, answer, name, heading = h("h2", {}, label)) {
	const text = content(answer, name);
	if (text == null) return null;
	const notes = [];
	if (answer[`${name}_truncated`]) notes.push(`the first 256 KiB of ${bytes(answer.size)}`);
	if (typeof answer[name] !== "string") notes.push("bytes that are no ASCII as \\xHH, as it is not UTF-8");
	if (text === "") return h("p", { class: "note" }, `${label}: empty.`);
	return h(
		"div",
		{ class: "payload" },
		heading,
		notes.length > 0 && h("p", { class: "note" }, `Shown: ${notes.join("; ")}.`),
		h("pre", { tabindex: 0, role: "region", "aria-label": label }, text),
	);
}

/** One job, wherever it is in its life. */
export async function jobView({ parts: [, name] }) {
	const href = `/api/v1/jobs/${name}`;
	const job = await get(`${href}?workload=1`);
	const state = h("span", { class: "tag", id: "state" });
	const lines = facts([
		"Function",
		"Unique key",
		"Since",
		"Priority",
		"Kind",
		"Tries",
		"Server",
		"Worker",
		"Progress",
		"Size",
		"First failed",
		"Last failed",
		"Reason",
	]);
	const text = h("pre", { class: "reason", hidden: true });
	const actions = h("div", { class: "actions" });
	const element = h(
		"div",
		{},
		h("h1", { tabindex: -1 }, job.handle, " ", state),
		text,
		h("div", { class: "card" }, lines.element),
		actions,
		payload("Workload", job, "workload"),
		payload("Result", job, "result"),
	);

	const run = (action, done) => async () => (await perform(action, done)) && load();
	function choices(now) {
		if (!me.admin) return [];
		if (now.state === "dead")
			return [
				button(
					"Retry",
					run(() => post(`/api/v1/dead/${name}/retry`), `Retried ${now.handle}.`),
				),
			];
		if (!LIVES.includes(now.state) || now.server != null) return [];
		const bury =
			now.background &&
			now.server === undefined &&
			button(
				"Bury",
				run(() => post(`${href}/bury`), `${now.handle} is a dead letter now.`),
			);
		return [
			button("Cancel", async () => (await cancel(now)) && (location.hash = functionLink(now.function).hash)),
			bury,
		].filter(Boolean);
	}

	let shown, offered;
	function draw(now) {
		setText(state, now.state);
		const here = now.server === undefined; // of jobs elsewhere less is known
		const kind =
			now.background == null
				? null
				: [now.background ? "background" : "foreground", now.stored && "stored"].filter(Boolean).join(", ");
		lines.show([
			functionLink(now.function),
			here ? now.unique || "–" : null,
			LIVES.includes(now.state) && (here || now.due) ? when(now) : null,
			now.priority,
			kind,
			count(now.tries),
			here ? null : (now.server ?? "at no server"),
			now.worker,
			now.progress?.[1] ? progress(now.progress) : null,
			here ? bytes(now.size) : null,
			now.first == null ? null : time(now.first),
			now.last == null ? null : time(now.last),
			REASONS[now.reason] ?? now.reason,
		]);
		text.hidden = !now.text;
		setText(text, visible(now.text ?? ""));
		const key = `${now.state} ${now.server}`;
		if (offered !== key) actions.replaceChildren(...choices(now));
		[shown, offered] = [now.state, key];
	}

	async function load() {
		try {
			draw(await get(href));
		} catch (error) {
			if (error.status === 404) draw({ ...job, state: "over", server: undefined, worker: null, progress: null });
			else if (!(error instanceof Problem)) throw error;
		}
	}

	draw(job);
	return { title: job.handle, element, overview: () => LIVES.includes(shown) && load(), refresh: load };
}
