// How the test tells what it shows, line by line, as lib.sh counts it; and how it waits.

let context = '';

/** One part of the test: what it shows stands behind its name. What fails ends the part, not the test. */
export async function story(name, tell) {
    context = `${name}: `;
    try {
        await tell();
    } catch (error) {
        if (!(error instanceof Told)) {
            print('FAIL', 'comes to its end', error);
        }
    }
}

/** One thing shown: it holds when `prove` does not throw. Gives what that gives. */
export async function check(name, prove) {
    try {
        const proven = await prove();
        print('ok  ', name);
        return proven;
    } catch (error) {
        print('FAIL', name, error);
        throw new Told();
    }
}

/** One of several things that do not build on each other: the story goes on after it, whatever comes of it. */
export const each = (name, prove) => check(name, prove).catch(error => {
    if (!(error instanceof Told)) {
        throw error;
    }
});

/** A failure that stands in the output already. */
class Told extends Error {}

function print(result, name, error) {
    const why = error ? `: ${String(error.message ?? error).replace(/\x1b\[[0-9;]*m/g, '').trim().split('\n').slice(0, 8).join(' | ')}` : '';
    process.stdout.write(`${result} ${context}${name}${why}\n`);
}

/** For so long as a page may need on a busy machine: milliseconds. */
export const deadline = 15_000;

/** Waits until `question` gives `wanted`. */
export async function becomes(wanted, question, within = deadline) {
    const end = Date.now() + within;
    let got;
    do {
        got = await question();
        if (same(got, wanted)) {
            return;
        }
        await new Promise(resolve => setTimeout(resolve, 50));
    } while (Date.now() < end);
    throw new Error(`waited in vain for ${JSON.stringify(wanted)}, got ${JSON.stringify(got)}`);
}

export function is(wanted, got) {
    if (!same(got, wanted)) {
        throw new Error(`wanted ${JSON.stringify(wanted)}, got ${JSON.stringify(got)}`);
    }
}

const same = (one, other) => JSON.stringify(one) === JSON.stringify(other);
