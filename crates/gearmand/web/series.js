// Samples of the last 15 minutes: begun with what the server has, continued with what comes live. Owns their order and
// their number; must never know how they are drawn.

export const SPAN = 900;

/** What is a state rather than a rate: of two samples in one step, the later one holds. */
const LATEST = ["queued", "running", "delayed", "dead", "workers"];
const MEANS = ["submitted", "completed", "failed"];
const QUANTILES = ["waited_p50", "waited_p95", "ran_p50", "ran_p95"];

export class Series {
	samples = [];
	step = 10;
	#merged = 0; // how many live samples the last one is made of

	/** Takes what the server has. What is older than that is kept: a server that was restarted knows nothing of it. */
	load({ step, samples }) {
		const first = samples[0]?.at ?? Infinity;
		const older = this.samples.filter((sample) => sample.at < first - step / 2);
		this.samples = [];
		this.step = step;
		for (const sample of [...older, ...samples]) this.#push(sample);
		this.#merged = 0;
	}

	/** A live sample. Those of one step become one, so that the line is as even as the part that came from the server. */
	add(sample) {
		const last = this.samples.at(-1);
		if (!last || this.#merged === 0 || Math.floor(sample.at / this.step) !== Math.floor(last.at / this.step)) {
			// A little late, it tells nothing new. Much earlier, the server's clock was set back.
			if (last && sample.at <= last.at && sample.at >= last.at - this.step) return;
			this.#push({ ...sample });
			this.#merged = 1;
			return;
		}
		last.at = sample.at;
		for (const key of LATEST) last[key] = sample[key];
		for (const key of MEANS) last[key] = (last[key] * this.#merged + sample[key]) / (this.#merged + 1);
		for (const key of QUANTILES) last[key] = sample[key] ?? last[key];
		this.#merged += 1;
	}

	/** How much a value is above what it was `seconds` ago, or at the begin of what is known. */
	growth(key, seconds) {
		const last = this.samples.at(-1);
		const first = this.samples.find((sample) => last.at - sample.at <= seconds && sample[key] != null);
		return first ? last[key] - first[key] : 0;
	}

	#push(sample) {
		while (this.samples.at(-1)?.at > sample.at) this.samples.pop();
		const last = this.samples.at(-1);
		// A hole is one: no line is drawn over it.
		if (last && sample.at - last.at > 3 * this.step) this.samples.push({ at: (last.at + sample.at) / 2 });
		this.samples.push(sample);
		while (this.samples.length && this.samples[0].at < sample.at - SPAN) this.samples.shift();
	}
}
