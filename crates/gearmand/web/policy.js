// Policies: which holds for a function and where it comes from, and setting one. Owns the keys' explanations; what a value
// may be, the server says.

import { ask, say } from "./actions.js";
import { list, me, patch, Problem, segment } from "./api.js";
import { button, h, setText } from "./dom.js";
import { decoded } from "./route.js";
import { table } from "./table.js";

// Key, default, example, what it says.
const KEYS = [
	["retries", "0", "0 to 1000", "how often a background job is tried again"],
	["retry-on", "all", "fail,exception,timeout,death or all", "after which ends"],
	["backoff", "1s*2<10m~20%", "e.g. 2s*3<1h~10%", "how long it waits before"],
	["dead-letters", "0, or 1000,7d with retries", "e.g. 1000,7d", "what is kept of jobs that ran out of tries"],
	["timeout", "none", "e.g. 30s", "how long a try may take"],
	["max-queue", "none", "e.g. 1000", "how many jobs there may be, in each priority"],
	["concurrency", "none", "e.g. 5", "how many may run at once"],
	["rate", "none", "e.g. 100/m+20", "how many may begin in a time"],
	["paused", "no", "yes or no", "jobs are taken, and none is handed out"],
	["unique-for", "none", "e.g. 10m", "how long a key is taken after its job ended well"],
	["keep-results", "0", "e.g. 1000,1h", "what is kept of results of background jobs"],
];

const TYPED = { autocomplete: "off", spellcheck: "false", autocapitalize: "off" };
const RUN_TIME = "run-time";
const bytes = new TextEncoder();

const source = (rule) => (rule.source === RUN_TIME ? "set at run time" : rule.source.replace(/^file:/, "file, line "));

async function allRules() {
	return (await list("/api/v1/policies", "policies", Infinity)).entries.sort(first);
}

// The name itself goes before patterns, longer ones before shorter ones, and what was set at run time before the file.
function first(a, b) {
	const rank = (rule) => [
		rule.pattern.includes("*") ? 1 : 0,
		-bytes.encode(rule.pattern).length,
		rule.source === RUN_TIME ? 0 : 1,
	];
	const [x, y] = [rank(a), rank(b)];
	return x[0] - y[0] || x[1] - y[1] || x[2] - y[2];
}

function fits(pattern, name) {
	const [before, behind] = pattern.split("*", 2);
	if (behind === undefined) return pattern === name;
	return name.length >= before.length + behind.length && name.startsWith(before) && name.endsWith(behind);
}

/**
 * The keys of one name or pattern, to be read and, with the right, to be set at run time. For a function also what holds
 * for it and where that comes from. `name` is a path segment.
 */
export function policyForm(name, { shownName, inForce = false, changed = () => {} }) {
	const fields = new Map(KEYS.map((key) => [key[0], field(key, inForce && shownName)]));
	const error = h("p", { class: "error", role: "alert" });
	const save = h("button", { class: "primary" }, "Save policy");
	const form = h(
		"form",
		{ class: "policy card", "aria-labelledby": "policy-title", novalidate: true, on: { submit } },
		h(
			"div",
			{ class: "field heads", "aria-hidden": "true" },
			h("span", {}, "Key"),
			inForce && h("span", {}, "In force"),
			me.admin && h("span", {}, "Set at run time"),
		),
		[...fields.values()].map((f) => f.element),
		error,
		me.admin &&
			h(
				"div",
				{ class: "actions" },
				save,
				h("span", { class: "note" }, "An empty field takes back what was set here."),
			),
	);

	async function load(policy) {
		const rules = await allRules();
		const fitting = inForce
			? rules.filter((rule) => fits(rule.pattern, shownName()))
			: rules.filter((rule) => rule.pattern === shownName());
		const own = rules.find((rule) => rule.source === RUN_TIME && rule.pattern === shownName())?.policy ?? {};
		for (const [key, f] of fields)
			f.show(
				policy?.[key],
				fitting.find((rule) => key in rule.policy),
				own[key] ?? "",
			);
	}

	async function submit(event) {
		event.preventDefault();
		const body = {};
		for (const [key, f] of fields) {
			f.complain("");
			if (f.changed()) body[key] = f.value() === "" ? null : f.value();
		}
		setText(error, "");
		if (Object.keys(body).length === 0) return say("Nothing was changed.");
		save.disabled = true;
		try {
			await patch(`/api/v1/policies/${name}`, body);
			for (const f of fields.values()) f.reset();
			say("Saved.");
			changed();
		} catch (problem) {
			if (!(problem instanceof Problem)) throw problem;
			blame(problem, Object.keys(body));
		} finally {
			save.disabled = false;
		}
	}

	// The server names the key, in front of the reason.
	function blame(problem, keys) {
		const named = (key) =>
			problem.message.startsWith(`${key}:`) || new RegExp(`(^|\\W)${key}(\\W|$)`).test(problem.message);
		const key = keys.find((k) => problem.message.startsWith(`${k}:`)) ?? keys.find(named);
		if (key && problem.status === 422) fields.get(key).complain(problem.message, true);
		else setText(error, problem.message);
	}

	return { element: form, load };
}

function field([key, usual, example, help], name) {
	const id = `policy-${key}`;
	const value = h("span", { class: "value" });
	const from = h("span", { class: "note" });
	const error = h("span", { class: "error", id: `${id}-error`, role: "alert" });
	const input =
		me.admin &&
		h("input", { id, name: key, placeholder: example, "aria-describedby": `${id}-help ${id}-error`, ...TYPED });
	const label = me.admin ? h("label", { for: id }, key) : h("span", { class: "key" }, key);
	const element = h(
		"div",
		{ class: "field", data: { policy: key } },
		h("div", {}, label, h("span", { class: "note", id: `${id}-help` }, help)),
		name && h("div", { class: "force" }, value, from),
		input && h("div", {}, input, error),
	);
	let stored = "";
	return {
		element,
		show(now, rule, own) {
			setText(value, now ?? usual);
			value.classList.toggle("dim", now == null);
			setText(
				from,
				now == null || rule == null
					? "default"
					: rule.pattern === name()
						? source(rule)
						: `by ${rule.pattern}, ${source(rule)}`,
			);
			// What somebody is writing is left alone.
			if (input && input.value === stored) input.value = own;
			stored = own;
		},
		value: () => input.value.trim(),
		changed: () => input.value.trim() !== stored,
		reset: () => (stored = input.value = input.value.trim()),
		complain(text, focus = false) {
			setText(error, text);
			if (text) input.setAttribute("aria-invalid", "true");
			else input.removeAttribute("aria-invalid");
			if (focus) input.focus();
		},
	};
}

const words = (policy) => Object.entries(policy).map(([key, value]) => h("code", {}, `${key}=${value}`));

const COLUMNS = [
	{
		id: "pattern",
		label: "Function or pattern",
		make: (rule) => ({
			element: me.admin
				? h("a", { href: `#/policies/${segment(rule.href)}` }, rule.pattern)
				: h("span", {}, rule.pattern),
		}),
	},
	{ id: "source", label: "From", text: source },
	{
		id: "policy",
		label: "Policy",
		make() {
			const element = h("span", { class: "words" });
			return { element, update: (rule) => element.replaceChildren(...words(rule.policy)) };
		},
	},
];

/** All rules, those that go first in front. */
export function policiesView() {
	const rows = table({
		name: "policies",
		label: "Policies",
		columns: COLUMNS,
		keyOf: (rule) => `${rule.source} ${rule.pattern}`,
		data: (rule) => ({ pattern: rule.pattern }),
	});
	const note = h("p", { class: "note" });
	const box = h("div", { class: "card flush", hidden: true }, rows.element);
	const input = h("input", { id: "pattern", placeholder: "mail*", required: true, ...TYPED });
	const form =
		me.admin &&
		h(
			"form",
			{ class: "bar", on: { submit: edit } },
			h("label", { for: "pattern" }, "Function or pattern"),
			input,
			h("button", {}, "Set policy"),
		);

	function edit(event) {
		event.preventDefault();
		location.hash = `#/policies/${encodeURIComponent(input.value)}`;
	}

	const load = () =>
		ask(async () => {
			const rules = await allRules();
			box.hidden = rules.length === 0;
			rows.show(rules);
			setText(
				note,
				rules.length
					? "For each key, the first rule that fits a function and has the key holds."
					: "No policies: everything is as Gearman always was.",
			);
		});

	load();
	return {
		title: "Policies",
		element: h("div", {}, h("h1", { tabindex: -1 }, "Policies"), note, box, form),
		refresh: load,
	};
}

/** What is set at run time for one pattern. */
export async function policyView({ parts: [, name] }) {
	const pattern = decoded(name);
	const form = policyForm(name, { shownName: () => pattern, changed: () => ask(form.load) });
	await form.load();
	const element = h(
		"div",
		{},
		h("h1", { id: "policy-title", tabindex: -1 }, `Policy: ${pattern}`),
		h(
			"p",
			{ class: "note" },
			"What is set here goes before the file, and outlives the server where there is a durable queue.",
		),
		form.element,
		h("p", {}, h("a", { href: "#/policies" }, "All policies")),
	);
	return { title: `Policy: ${pattern}`, element, refresh: form.load };
}

/** The part of a function's view. */
export function policySection(name, shownName, changed) {
	const form = policyForm(name, { shownName, inForce: true, changed });
	const element = h(
		"section",
		{ id: "policy", "aria-labelledby": "policy-title" },
		h("h2", { id: "policy-title" }, "Policy"),
		form.element,
	);
	return { element, load: form.load };
}
