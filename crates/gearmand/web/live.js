// The line to the server: server-sent events, and what to do when it is lost. Owns the EventSource and the state that the
// reader sees of it; must never know what is done with the events.
//
// The browser's own reconnecting gives up at any answer but 200, and cannot say why: so each loss is handled here, by asking
// who we are until the server answers.

import { refusal, whoami } from "./api.js";

const SILENCE = 10_000; // an event comes every 2 s
const HIDDEN = 60_000; // a page that nobody sees does not keep one of the browser's few connections for longer
const PAUSES = [500, 1000, 2000, 3000];

/** Callbacks: `state(name, why)`, `overview(data)`, `detail(data)`, `back()` when it came back after a loss, `refused()`. */
export function connect(callbacks) {
	let source = null;
	let watched = null; // the function whose events come too, as a path segment
	let silence, retry, sleep;
	let lost = false;
	let attempts = 0;
	let stopped = false;
	let opened = 0; // tells an answer that is late from one that is waited for

	const path = () => `/api/v1/events${watched == null ? "" : `?function=${watched}`}`;

	function open() {
		close();
		source = new EventSource(path());
		const hear = (name, callback) =>
			source.addEventListener(name, (event) => {
				alive();
				callback(JSON.parse(event.data));
			});
		hear("overview", callbacks.overview);
		hear("function", callbacks.detail);
		source.addEventListener("error", lose);
		wait();
	}

	function close() {
		opened += 1;
		clearTimeout(silence);
		clearTimeout(retry);
		source?.close();
		source = null;
	}

	function wait() {
		clearTimeout(silence);
		silence = setTimeout(lose, SILENCE);
	}

	function alive() {
		wait();
		callbacks.state("live");
		attempts = 0;
		if (lost) {
			lost = false;
			callbacks.back();
		}
	}

	function lose() {
		if (!lost) callbacks.state("lost");
		lost = true;
		again(source?.readyState === EventSource.CLOSED);
	}

	/** `refused`: the server has answered, and not with events; it is asked why. */
	function again(refused) {
		if (!refused) callbacks.state("lost");
		close();
		const asked = opened;
		retry = setTimeout(
			async () => {
				const observe = await whoami().then(
					(me) => me.observe,
					() => null,
				);
				const why = observe && refused ? await refusal(path()) : null;
				if (asked !== opened) return;
				if (why) callbacks.state("lost", why);
				if (observe === false) callbacks.refused();
				else if (observe && !refused) open();
				else again(why != null); // who asked why had a place, which is free after a pause
			},
			PAUSES[Math.min(attempts, PAUSES.length - 1)],
		);
		attempts += 1;
	}

	function visibility() {
		clearTimeout(sleep);
		if (document.hidden) sleep = setTimeout(close, HIDDEN);
		else if (source == null && !stopped) {
			lost = true; // what came meanwhile is fetched as after a loss
			open();
		}
	}

	document.addEventListener("visibilitychange", visibility);
	callbacks.state("connecting");

	return {
		/** Which function's events are wanted besides the overview: a path segment, or null. */
		watch(segment) {
			if (source && segment === watched) return;
			watched = segment;
			open();
		},
		stop() {
			stopped = true;
			document.removeEventListener("visibilitychange", visibility);
			clearTimeout(sleep);
			close();
		},
	};
}
