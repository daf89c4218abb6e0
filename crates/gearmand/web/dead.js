// Dead letters: what failed, why, and trying it again. Owns how they are shown and what can be done with them.

import { confirmed, perform } from "./actions.js";
import { get, me, post, Problem, remove, segment } from "./api.js";
import { button, facts, h, keyed, setText } from "./dom.js";
import { bytes, count, plural, relative, time, visible } from "./format.js";
import { jobLink, payload, REASONS } from "./jobs.js";
import { functionLink } from "./overview.js";
import { paged } from "./paged.js";
import { store } from "./store.js";

/** Of a function (its href), or of all. */
export function deadList(functionHref = null, level = "h2") {
	const items = h("ul");
	const title = h(level, { id: "dead-title", tabindex: -1 }, "Dead letters");
	const all = functionHref != null && me.admin;
	let total = 0;
	let name = "";

	const retryAll = button("Retry all", async () => {
		const done = ({ count: n }) => `Retried ${plural(n, "dead letter")}.`;
		if (await perform(() => post(`${functionHref}/dead/retry`), done)) pages.load();
	});
	const forgetAll = button(
		"Forget all",
		async () => {
			const text = `${plural(total, "dead letter")} of ${name} will be gone, with their workloads. This cannot be undone.`;
			if (!(await confirmed("Forget all dead letters?", text, "Forget all"))) return;
			const done = ({ count: n }) => `Forgot ${plural(n, "dead letter")}.`;
			if (!(await perform(() => remove(`${functionHref}/dead`), done))) return;
			pages.load();
			title.focus();
		},
		{ class: "danger" },
	);
	const mass = h("div", { class: "actions", hidden: true }, retryAll, forgetAll);

	const show = keyed(
		items,
		(d) => d.handle,
		(d) => letter(d, level, () => pages.load()),
	);
	const query = functionHref == null ? "" : `?function=${segment(functionHref)}`;
	const pages = paged({
		path: `/api/v1/dead${query}`,
		name: "dead",
		label: "dead letters",
		size: functionHref == null ? 25 : 10,
		empty: "No dead letters.",
		show(dead) {
			mass.hidden = !all || dead.length === 0;
			show(dead);
		},
	});
	const element = h(
		"section",
		{ id: "dead", "aria-labelledby": "dead-title" },
		h("div", { class: "bar" }, title, mass),
		items,
		pages.elements,
	);
	pages.load();
	return {
		element,
		load: pages.load,
		tick: pages.tick,
		close: pages.close,
		/** How many there are, and whose. */
		of(f) {
			total = f.dead;
			name = f.function;
		},
	};
}

let numbered = 0;

function letter(d, level, changed) {
	const id = `letter-${(numbered += 1)}`;
	const lines = facts([
		"Function",
		"Unique key",
		"Tries",
		"First failed",
		"Last failed",
		"Worker",
		"Size",
		"Priority",
	]);
	const text = h("pre", { class: "reason", hidden: true });
	const body = h("div");
	const details = h("details", { on: { toggle: open } }, h("summary", {}, "Workload"), body);
	const described = { "aria-describedby": id };
	const actions =
		me.admin &&
		h(
			"div",
			{ class: "actions" },
			button(
				"Retry",
				async () => (await perform(() => post(`${d.href}/retry`), `Retried ${d.handle}.`)) && changed(),
				described,
			),
			button("Forget", forget, { ...described, class: "danger" }),
		);

	async function forget() {
		const sure = await confirmed(
			"Forget this dead letter?",
			`${d.handle} of ${d.function} will be gone, with its workload. This cannot be undone.`,
			"Forget",
		);
		if (sure && (await perform(() => remove(d.href), `Forgot ${d.handle}.`))) changed();
	}

	async function open() {
		if (!details.open || body.childElementCount > 0) return;
		try {
			body.replaceChildren(
				payload("Workload", await get(d.href), "workload", null) ??
					h("p", { class: "note" }, "It is not kept."),
			);
		} catch (error) {
			if (!(error instanceof Problem)) throw error;
			setText(body, error.message);
		}
	}

	const element = h(
		"li",
		{ class: "card letter", data: { dead: d.handle } },
		h(
			"div",
			{ class: "bar" },
			h(
				level === "h1" ? "h2" : "h3",
				{ id },
				jobLink(d.href, d.handle),
				" ",
				h("span", { class: "tag", data: { reason: d.reason } }, REASONS[d.reason] ?? d.reason),
			),
			actions,
		),
		text,
		lines.element,
		details,
	);
	return {
		element,
		update(now) {
			text.hidden = !now.text;
			setText(text, visible(now.text ?? ""));
			const link = level === "h1" ? functionLink(now.function) : null;
			lines.show([
				link,
				now.unique || null,
				count(now.tries),
				time(now.first),
				`${time(now.last)}, ${relative(now.last)}`,
				now.worker || null,
				bytes(now.size),
				now.priority === "normal" ? null : now.priority,
			]);
		},
	};
}

export function deadView() {
	const list = deadList(null, "h1");
	return {
		title: "Dead letters",
		element: h("div", {}, list.element),
		overview: () => list.tick(store.server.dead),
		refresh: list.load,
		close: list.close,
	};
}
