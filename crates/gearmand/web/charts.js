// Charts of the last 15 minutes. Owns how samples are drawn (by uPlot, the one library of this page, which is a global);
// must never know where they come from.

import { h, setText } from "./dom.js";
import { count, duration, rate } from "./format.js";
import { SPAN } from "./series.js";

const HEIGHT = 140;

const CHARTS = [
	{ title: "Jobs", write: count, lines: { queued: "queued", running: "running", delayed: "delayed" } },
	{
		title: "Jobs per second",
		write: rate,
		lines: { submitted: "submitted", completed: "completed", failed: "failed" },
	},
	{ title: "Wait", write: duration, lines: { waited_p50: "p50", waited_p95: "p95" } },
	{ title: "Run", write: duration, lines: { ran_p50: "p50", ran_p95: "p95" } },
];

/** The four charts that belong together: what there is, how fast it goes, how long it waits and runs. */
export function charts() {
	const all = CHARTS.map(chart);
	return {
		element: h(
			"div",
			{ class: "charts" },
			all.map((one) => one.element),
		),
		show: (samples) => all.forEach((one) => one.show(samples)),
		close: () => all.forEach((one) => one.close()),
	};
}

function chart({ title, write, lines: labels }) {
	const lines = Object.entries(labels);
	// The colours are those of the legend, which has them from the style sheet, in dark and light.
	const swatches = lines.map((_, i) => h("i", { class: `line line-${i}` }));
	const values = lines.map(() => h("b"));
	const legend = lines.map(([, label], i) => h("li", {}, swatches[i], `${label} `, values[i]));
	const box = h("div", { class: "plot", role: "img" });
	const element = h(
		"figure",
		{ class: "card chart" },
		h("figcaption", {}, title),
		h("ul", { class: "legend" }, legend),
		box,
	);
	const colour = (of) => getComputedStyle(of).color;

	let samples = [];
	let plot = null;

	function create(width) {
		const axis = {
			stroke: () => colour(box),
			grid: { stroke: () => colour(grid), width: 1 },
			ticks: { show: false },
			font: "11px system-ui, sans-serif",
		};
		const series = lines.map((_, i) => ({
			stroke: () => colour(swatches[i]),
			width: 1.75,
			dash: [[], [6, 3], [2, 3]][i],
			points: { show: true, size: 4, filter: alone },
		}));
		return new uPlot(
			{
				width,
				height: HEIGHT,
				padding: [6, 18, 0, 0],
				legend: { show: false },
				cursor: { y: false, drag: { x: false, y: false }, sync: { key: "time" } },
				scales: { x: { range: () => span() }, y: { range: (_, __, top) => [0, top > 0 ? top * 1.1 : 1] } },
				axes: [
					{ ...axis, space: 56, size: 24, values: (_, at) => at.map(clock) },
					{
						...axis,
						space: 28,
						size: 50,
						values: (_, all) => all.map((n) => (write === count && n % 1 ? "" : write(n))),
					},
				],
				series: [{}, ...series],
				hooks: { setCursor: [(u) => say(u.cursor.idx)] },
			},
			data(),
			box,
		);
	}

	const grid = h("i", { class: "grid" });
	element.append(grid);

	function span() {
		const end = samples.at(-1)?.at ?? Date.now() / 1000;
		return [end - SPAN, end];
	}
	const data = () => [samples.map((s) => s.at), ...lines.map(([key]) => samples.map((s) => s[key] ?? null))];

	// The values where the pointer is, else the latest.
	function say(at) {
		const sample = (at == null ? samples.at(-1) : samples[at]) ?? {};
		lines.forEach(([key], i) => setText(values[i], write(sample[key])));
	}

	function describe() {
		const parts = lines.map(([key, label]) => {
			const known = samples.map((s) => s[key]).filter((n) => n != null);
			return known.length
				? `${label}: now ${write(samples.at(-1)[key])}, highest ${write(Math.max(...known))}`
				: `${label}: none`;
		});
		box.setAttribute("aria-label", `${title} in the last 15 minutes. ${parts.join("; ")}.`);
	}

	const redraw = () => plot?.redraw();
	document.addEventListener("theme", redraw);
	const sizes = new ResizeObserver(([{ contentRect }]) => {
		const width = Math.floor(contentRect.width);
		if (width < 50) return;
		if (plot) plot.setSize({ width, height: HEIGHT });
		else plot = create(width);
	});
	sizes.observe(box);

	return {
		element,
		show(all) {
			samples = all;
			plot?.setData(data());
			say(plot?.cursor.idx);
			describe();
		},
		close() {
			sizes.disconnect();
			document.removeEventListener("theme", redraw);
			plot?.destroy();
		},
	};
}

// A value with none beside it makes no line: those are shown as points.
function alone(plot, series) {
	const values = plot.data[series];
	return values.flatMap((value, i) => (value != null && values[i - 1] == null && values[i + 1] == null ? [i] : []));
}

const clock = (t) => new Date(t * 1000).toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit" });

const SVG = "http://www.w3.org/2000/svg";

/** A line as small as a word: how many jobs waited. Decoration: the number stands beside it. */
export function spark() {
	const line = document.createElementNS(SVG, "polyline");
	const element = document.createElementNS(SVG, "svg");
	const attributes = { viewBox: "0 0 90 20", preserveAspectRatio: "none", "aria-hidden": true, class: "spark" };
	for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
	element.append(line);
	let drawn;
	return {
		element,
		show(samples, key) {
			const last = samples.at(-1);
			const looks = `${samples[0]?.at} ${samples.length} ${last?.[key]}`;
			if (looks === drawn) return;
			drawn = looks;
			const end = last?.at ?? 0;
			const known = samples.filter((s) => s[key] != null);
			const top = Math.max(1, ...known.map((s) => s[key]));
			const points = known.map(
				(s) => `${(90 - ((end - s.at) / SPAN) * 90).toFixed(1)},${(19 - (s[key] / top) * 18).toFixed(1)}`,
			);
			line.setAttribute("points", points.join(" "));
		},
	};
}
