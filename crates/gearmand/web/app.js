// Begins here. Owns which view is shown, who the reader is, and the line to the server; must never know what is in a view.
//
// A view is a function of the route and gives { title, element } and, where it wants them, stream (the function whose events
// it wants), overview(), detail(data), refresh() after the line was lost, close(), focus.

import { complain, hush } from "./actions.js";
import { me, onRefused, Problem, whoami } from "./api.js";
import { deadView } from "./dead.js";
import { byId, h, setText } from "./dom.js";
import { functionView } from "./function.js";
import { jobView } from "./jobs.js";
import { schedulesView, serversView, workersView } from "./lists.js";
import { connect } from "./live.js";
import { loginView } from "./login.js";
import { overview } from "./overview.js";
import { policiesView, policyView } from "./policy.js";
import { problems } from "./problems.js";
import { decoded, route } from "./route.js";
import { forget, loadHistory, store, take } from "./store.js";

const VIEWS = {
	"": overview,
	functions: overview,
	"functions/": functionView,
	jobs: overview,
	"jobs/": jobView,
	workers: workersView,
	dead: deadView,
	policies: policiesView,
	"policies/": policyView,
	schedules: schedulesView,
	servers: serversView,
	login: loginView,
};
const STATES = { connecting: "Connecting…", live: "Live", lost: "Connection lost, trying again…" };

const rights = () => JSON.stringify(me);

let view = null;
let line = null;
let shownTo = ""; // with which rights the view was made
let turns = 0; // tells a view that is late from the one that is wanted

async function go() {
	const turn = (turns += 1);
	const where = route();
	const first = view == null;
	const make = me.observe ? VIEWS[`${where.parts[0] ?? ""}${where.parts.length === 2 ? "/" : ""}`] : loginView;
	hush();
	shownTo = rights();
	let next;
	try {
		next = make && where.parts.length < 3 ? await make(where) : missing("There is no such page.");
	} catch (error) {
		if (!(error instanceof Problem)) throw error;
		next = missing(error.message, where.parts[1]);
	}
	if (turn !== turns) return next.close?.();
	view?.close?.();
	view = next;
	byId("main").replaceChildren(view.element);
	mark(where.parts[0] ?? "");
	title();
	if (!first) scrollTo(0, 0);
	// Who reads with a screen reader hears where he is; at the first look, the browser says that.
	const target = view.focus || (!first && view.element.querySelector("h1"));
	if (target) target.focus();
	if (me.observe) {
		if (line) line.watch(view.stream ?? null);
		else begin();
		if (store.server) view.overview?.();
	}
}

function missing(text, segment) {
	const name = segment == null ? "Not found" : decoded(segment);
	return {
		title: name,
		element: h(
			"div",
			{},
			h("h1", { tabindex: -1 }, name),
			h("p", { id: "missing" }, text),
			h("p", {}, h("a", { href: "#/" }, "Overview")),
		),
	};
}

function mark(part) {
	for (const link of byId("nav").children) {
		const here = link.getAttribute("href") === `#/${part === "functions" || part === "jobs" ? "" : part}`;
		if (here) link.setAttribute("aria-current", "page");
		else link.removeAttribute("aria-current");
	}
}

function title() {
	const found = store.server && me.observe ? problems(store).length : 0;
	const host = store.server ? ` at ${store.server.host}` : "";
	document.title = `${found ? `(${found}) ` : ""}${view.title} · gearmand${host}`;
}

function begin() {
	line = connect({
		state(name, why) {
			const live = byId("live");
			live.dataset.state = name;
			setText(live, why ?? STATES[name]);
		},
		overview(data) {
			const before = store.server;
			take(data);
			if (before?.version !== data.server.version) about(before);
			cluster();
			view.overview?.();
			title();
		},
		detail: (data) => view.stream && view.detail?.(data),
		back: restart,
		refused: start,
	});
	line.watch(view.stream ?? null);
	loadHistory().then(() => view.overview?.());
}

// After a loss the server may be another one: with other rights, other jobs, and a past of its own.
async function restart() {
	session();
	forget();
	await loadHistory();
	try {
		if (rights() === shownTo) await view.refresh?.();
		else await go();
	} catch (error) {
		if (!(error instanceof Problem)) throw error;
		complain(error.message);
	}
}

function about(before) {
	setText(byId("about"), `gearmand ${store.server.version} at ${store.server.host}.`);
	if (before) complain("The server is of another version now. Load this page again.");
}

/** What the header shows of a queue that servers share. */
function cluster() {
	const { cluster: shared, ready } = store.server;
	const standing = byId("standing");
	byId("to-servers").hidden = standing.hidden = !shared;
	standing.dataset.state = ready ? "ready" : "not-ready";
	setText(standing, `${ready ? "Ready" : "Not ready"}, ${shared?.lease ? "lease held" : "no lease"}`);
}

/** What the header shows of the reader. */
function session() {
	byId("nav").hidden = byId("live").hidden = !me.observe;
	if (!me.observe) byId("standing").hidden = true;
	byId("logout").hidden = !(me.login && me.name != null);
	byId("to-login").hidden = !(me.login && me.name == null && me.observe && !me.admin);
	setText(byId("who"), me.name ?? "");
}

/** Who are we? Then the view. Also when the server does not know us any more. */
async function start() {
	line?.stop();
	line = null;
	try {
		await whoami();
	} catch (error) {
		if (!(error instanceof Problem)) throw error;
		complain(error.message);
		setTimeout(start, 2000);
		return;
	}
	hush();
	session();
	go();
}

let starting = false;
onRefused(async () => {
	if (starting) return;
	starting = true;
	await start();
	starting = false;
});
byId("skip").addEventListener("click", (event) => {
	event.preventDefault();
	byId("main").focus();
});
addEventListener("hashchange", go);
start();
