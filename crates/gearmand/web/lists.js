// Workers, schedules and the servers that share a queue: lists to look at. Owns their columns.

import { h, setText } from "./dom.js";
import { count, duration, plural, relative, time } from "./format.js";
import { jobLink } from "./jobs.js";
import { functionLink } from "./overview.js";
import { paged } from "./paged.js";
import { store } from "./store.js";
import { table } from "./table.js";

const FEW = 8; // functions of a worker that are shown at once

const moment = (t) => `${time(t)}, ${relative(t)}`;
const separated = (nodes) => nodes.flatMap((node, i) => (i ? [", ", node] : [node]));

/** A cell that is made anew only when what it shows is another. */
function changing(write, make) {
	return () => {
		const element = h("span");
		let last;
		return {
			element,
			update(item) {
				const now = write(item);
				if (now !== last) element.replaceChildren(...make(item));
				last = now;
			},
		};
	};
}

function abilities({ functions, more = 0 }) {
	const shown = separated(functions.slice(0, FEW).map((name) => functionLink(name)));
	const rest = functions.slice(FEW);
	if (rest.length + more === 0) return shown;
	const list = h("div");
	const details = h(
		"details",
		{
			on: {
				toggle: () =>
					list.childElementCount ||
					list.append(...separated(rest.map((name) => functionLink(name))), more ? ` and ${more} more` : ""),
			},
		},
		h("summary", {}, `${rest.length + more} more`),
		list,
	);
	return [...shown, details];
}

function runs({ running, jobs }) {
	if (running.length === 0) return [jobs > 0 ? plural(jobs, "job") : "–"];
	const lines = running.map((job) =>
		h(
			"div",
			{},
			jobLink(`/${encodeURIComponent(job.handle)}`, job.handle),
			" ",
			job.function,
			h("span", { class: "note" }, ` for ${duration(job.for)}`),
		),
	);
	return jobs > running.length ? [...lines, `and ${jobs - running.length} more`] : lines;
}

const WORKERS = [
	{ id: "who", label: "Worker", text: (w) => w.id || "no name", dim: (w) => !w.id },
	{ id: "address", label: "From", text: (w) => w.address },
	{ id: "functions", label: "Can run", make: changing((w) => `${w.functions.join("\0")} ${w.more}`, abilities) },
	{ id: "running", label: "Runs", make: changing((w) => JSON.stringify(w.running), runs) },
];

const SCHEDULES = [
	{ id: "name", label: "Name", text: (s) => s.name },
	{
		id: "cron",
		label: "When",
		make: changing(
			(s) => `${s.cron} ${s.zone}`,
			(s) => [h("code", {}, s.cron), s.zone ? ` ${s.zone}` : ""],
		),
	},
	{
		id: "function",
		label: "Function",
		make: changing(
			(s) => s.function,
			(s) => [functionLink(s.function)],
		),
	},
	{ id: "unique", label: "Unique key", text: (s) => s.unique || "–" },
	{ id: "next", label: "Next", text: (s) => (s.next == null ? "–" : moment(s.next)) },
	{ id: "last", label: "Last", text: (s) => (s.last == null ? "never" : moment(s.last)) },
];

const SERVERS = [
	{ id: "name", label: "Name", text: (s) => (isThis(s) ? `${s.name} (this one)` : s.name) },
	{ id: "address", label: "Address", text: (s) => s.address },
	{ id: "state", label: "State", text: (s) => s.state, dim: (s) => s.state !== "lives" },
	{ id: "since", label: "Since", text: (s) => moment(s.ended ?? s.joined) },
	{ id: "jobs", label: "Jobs", number: true, text: (s) => count(s.jobs) },
];

const isThis = (s) => s.epoch === store.server?.cluster?.epoch;
function listView({ title, path, name, columns, keyOf, data, empty, signature }) {
	const rows = table({ name, label: title, columns, keyOf, data });
	const box = h("div", { class: "card flush", hidden: true }, rows.element);
	const total = h("p", { class: "note" });
	const pages = paged({
		path,
		name,
		label: name,
		empty,
		show(items) {
			box.hidden = items.length === 0;
			rows.show(items);
		},
	});
	pages.load();
	return {
		title,
		element: h("section", {}, h("h1", { tabindex: -1 }, title), total, box, pages.elements),
		overview() {
			if (name === "workers") setText(total, plural(store.server.workers, "worker"));
			pages.tick(signature());
		},
		refresh: pages.load,
		close: pages.close,
	};
}

export const workersView = () =>
	listView({
		title: "Workers",
		path: "/api/v1/workers",
		name: "workers",
		columns: WORKERS,
		keyOf: (w) => w.connection,
		data: (w) => ({ worker: w.connection }),
		empty: "No worker is connected.",
		signature: () => Math.floor(Date.now() / 4000), // how long a job runs changes all the time
	});

export const schedulesView = () =>
	listView({
		title: "Schedules",
		path: "/api/v1/schedules",
		name: "schedules",
		columns: SCHEDULES,
		keyOf: (s) => s.name,
		data: (s) => ({ schedule: s.name }),
		empty: "No schedules. They are written in the file of policies.",
		signature: () => 0,
	});

export const serversView = () =>
	listView({
		title: "Servers",
		path: "/api/v1/servers",
		name: "servers",
		columns: SERVERS,
		keyOf: (s) => `${s.epoch}`,
		data: (s) => ({ server: s.name }),
		empty: "No server has joined yet.",
		signature: () => Math.floor(Date.now() / 4000),
	});
