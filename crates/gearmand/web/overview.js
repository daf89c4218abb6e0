// The first view: problems, the server, all functions. Owns how functions are sorted, filtered and cut.

import { segment } from "./api.js";
import { charts, spark } from "./charts.js";
import { button, facts, h, keyed, setText } from "./dom.js";
import { bytes, count, duration, plural, rate } from "./format.js";
import { problems } from "./problems.js";
import { replaceQuery } from "./route.js";
import { loadHistories, seriesOf, store } from "./store.js";
import { table } from "./table.js";

const SHOWN = 100; // rows at first, and so many more each time
const PROBLEMS = 8;

/** A link to a function's view. A name that is no text needs its href, which is looked up where it is not given. */
export function functionLink(name, href = store.hrefs.get(name) ?? encodeURIComponent(name)) {
	return h("a", { href: `#/functions/${segment(href)}` }, name);
}

function number(id, label, value, write = count, hint = "") {
	return { id, label, hint, number: true, start: -1, value, text: (f) => write(value(f)), dim: (f) => !value(f) };
}

const COLUMNS = [
	{ id: "function", label: "Function", value: (f) => f.function, make: nameCell },
	{ ...number("queued", "Queued", (f) => f.queued), text: undefined, make: queuedCell },
	number("free", "Free", (f) => f.free, count, "Jobs of the shared queue that no server has"),
	number("running", "Running", (f) => f.running),
	number("delayed", "Delayed", (f) => f.delayed, count, "Jobs that may not run yet"),
	number("dead", "Dead", (f) => f.dead, count, "Jobs that ran out of tries"),
	number("workers", "Workers", (f) => f.workers, count, "Workers that can run it"),
	number("oldest", "Oldest", (f) => f.oldest, duration, "How long the job that is next has waited"),
	number("submitted", "In/s", (f) => f.now.submitted, rate, "Submitted per second"),
	number("completed", "Done/s", (f) => f.now.completed, rate, "Completed per second"),
	number("failed", "Failed/s", (f) => f.now.failed, rate, "Failed tries per second"),
	number("wait50", "Wait p50", (f) => f.now.waited_p50, duration, "Half of the jobs waited no longer"),
	number("wait95", "Wait p95", (f) => f.now.waited_p95, duration, "95% of the jobs waited no longer"),
	number("run50", "Run p50", (f) => f.now.ran_p50, duration, "Half of the jobs ran no longer"),
	number("run95", "Run p95", (f) => f.now.ran_p95, duration, "95% of the jobs ran no longer"),
];

function nameCell(f) {
	const paused = h("span", { class: "tag", hidden: true }, "paused");
	return {
		element: h("span", { class: "name" }, functionLink(f.function, f.href), " ", paused),
		update: (now) => (paused.hidden = !now.paused),
	};
}

function queuedCell(f) {
	const line = spark();
	const text = h("span");
	return {
		element: h("span", { class: "queued" }, line.element, text),
		update(now) {
			setText(text, count(now.queued));
			line.show(seriesOf(f.href).samples, "queued");
		},
	};
}

export function overview({ query }) {
	const sort = parseSort(query.get("sort"));
	let limit = SHOWN;

	const lines = facts(["Server", "Version", "Up for", "State", "Queue", "Connections", "Workers", "Jobs", "Memory"], {
		id: "server",
	});
	const list = problemList();
	const graphs = charts();

	const filter = h("input", {
		id: "filter",
		type: "search",
		autocomplete: "off",
		spellcheck: "false",
		value: query.get("filter") ?? "",
		on: { input: changed },
	});
	const rows = table({
		name: "functions",
		label: "Functions",
		columns: COLUMNS,
		keyOf: (f) => f.href,
		data: (f) => ({ function: f.function }),
		onSort: sortBy,
	});
	const note = h("p", { class: "note", role: "status" });
	const more = button(`Show ${SHOWN} more`, () => enlarge(limit + SHOWN), { hidden: true });
	const all = button("Show all", () => enlarge(Infinity), { hidden: true });

	const element = h(
		"div",
		{},
		h("h1", { tabindex: -1 }, "Overview"),
		list.element,
		h("div", { class: "card" }, lines.element),
		graphs.element,
		h(
			"section",
			{ "aria-labelledby": "functions" },
			h(
				"div",
				{ class: "bar" },
				h("h2", { id: "functions", tabindex: -1 }, "Functions"),
				h("label", { for: "filter" }, "Filter functions"),
				filter,
			),
			h("div", { class: "card flush" }, rows.element),
			note,
			h("p", { class: "actions" }, more, all),
		),
	);

	function sortBy(id) {
		const column = COLUMNS.find((c) => c.id === id);
		sort.descending = sort.id === id ? !sort.descending : column.start === -1;
		sort.id = id;
		changed();
	}

	function changed() {
		const plain = sort.id === "function" && !sort.descending;
		replaceQuery({ filter: filter.value, sort: plain ? "" : `${sort.descending ? "-" : ""}${sort.id}` });
		drawRows(true);
	}

	function enlarge(to) {
		limit = to;
		drawRows(true);
	}

	// Rows that are looked at stay where they are: only what is in them changes.
	let order = new Map();
	function drawRows(reorder) {
		const wanted = filter.value.trim().toLowerCase();
		const found = wanted
			? store.functions.filter((f) => f.function.toLowerCase().includes(wanted))
			: [...store.functions];
		const held = !reorder && rows.body.matches(":hover, :focus-within");
		found.sort(
			held ? (a, b) => (order.get(a.href) ?? Infinity) - (order.get(b.href) ?? Infinity) : comparison(sort),
		);
		order = new Map(found.map((f, i) => [f.href, i]));
		const shown = found.slice(0, limit);
		rows.show(shown);
		rows.sorted(sort.id, sort.descending);
		more.hidden = all.hidden = shown.length === found.length;
		setText(note, notes(found.length, shown.length, wanted));
		return shown;
	}

	function drawServer() {
		const s = store.server;
		const state = s.draining ? "draining" : s.ready ? "ready" : "not ready";
		lines.show([
			s.host,
			s.version,
			duration(s.uptime),
			state,
			s.queue,
			count(s.connections),
			count(s.workers),
			count(s.jobs),
			bytes(s.memory),
		]);
	}

	function draw() {
		if (!store.server) return;
		drawServer();
		list.show(problems(store));
		graphs.show(store.total.samples);
		rows.element.classList.toggle("alone", !store.server.cluster);
		const shown = drawRows(false);
		// Functions with dead letters first: whether these grow is a problem, or none.
		const dead = store.functions.filter((f) => f.dead > 0).slice(0, 15);
		loadHistories([...dead, ...shown.slice(0, 25)].map((f) => f.href)).then((loaded) => loaded && draw());
	}

	draw();
	return { title: "Overview", element, overview: draw, close: graphs.close };
}

function notes(found, shown, wanted) {
	const rest =
		store.more > 0 ? ` ${plural(store.more, "more function is", "more functions are")} not listed by name.` : "";
	if (found === 0)
		return (
			(wanted
				? "No function has this in its name."
				: "No functions yet: one appears when a worker can run it, or a job asks for it.") + rest
		);
	return `${shown < found ? `${count(shown)} of ` : ""}${plural(found, "function")}.${rest}`;
}

function parseSort(text) {
	const [, minus, id] = /^(-?)(\w+)$/.exec(text ?? "") ?? [];
	return COLUMNS.some((c) => c.id === id) ? { id, descending: minus === "-" } : { id: "function", descending: false };
}

// None is smaller than anything, and what is the same goes by name.
function comparison({ id, descending }) {
	const { value } = COLUMNS.find((c) => c.id === id);
	const direction = descending ? -1 : 1;
	const order = (a, b) => (a < b ? -1 : a > b ? 1 : 0);
	return (a, b) => direction * order(value(a) ?? -1, value(b) ?? -1) || order(a.function, b.function);
}

function problemList() {
	const items = h("ul", { id: "problems" });
	const rest = h("p", { class: "note", hidden: true });
	const heading = h("h2", { class: "sr" }, "Problems");
	const none = h("p", { class: "fine", id: "no-problems" }, "No problems.");
	const show = keyed(
		items,
		(p) => `${p.kind} ${p.href}`,
		(p) => {
			const text = h("span");
			const kind = h("strong", { class: "tag" }, p.kind);
			const element = h(
				"li",
				{ data: { kind: p.kind, problem: p.name ?? "" } },
				kind,
				" ",
				p.href && functionLink(p.name, p.href),
				" ",
				text,
			);
			return { element, update: (now) => setText(text, now.text) };
		},
	);
	return {
		element: h("section", { class: "problems" }, heading, none, items, rest),
		show(found) {
			show(found.slice(0, PROBLEMS));
			none.hidden = found.length > 0;
			rest.hidden = found.length <= PROBLEMS;
			setText(rest, `${plural(found.length - PROBLEMS, "more problem")}.`);
		},
	};
}
