// The test of the web page, from its begin to its end: see stories.mjs and looks.mjs. To be run by page.sh, which says where
// the programs are; what it is given goes to gearmand. With PICTURE=1 no test, but a picture of a server that has a past.

import { mkdtempSync, writeFileSync } from 'node:fs';
import { launch } from './browser.mjs';
import { looks, picture } from './looks.mjs';
import { story } from './checks.mjs';
import { Server } from './server.mjs';
import * as stories from './stories.mjs';

const folder = mkdtempSync(`${process.env.SCRATCH}/page-`);
const tokens = { admin: 'all-may-be-done-with-this-one', observe: 'with-this-one-only-looks' };

function file(name, text) {
    writeFileSync(`${folder}/${name}`, text, { mode: 0o600 });
    return `${folder}/${name}`;
}

const options = [
    ...process.argv.slice(2),
    '--http-token-file', file('tokens.toml', `
[[token]]
name = "operator"
token = "${tokens.admin}"
admin = true
observe = true
submit = ["*"]

[[token]]
name = "visitor"
token = "${tokens.observe}"
observe = true
`),
    '--policy-file', file('policies.toml', `
[function."*"]
retries = 0
dead-letters = "1000,1d"
keep-results = "10,1h"

[function."send_*"]
retries = 3
backoff = "1s*2<10m"

[schedule.nightly]
cron = "15 3 * * *"
function = "send_mail"
`),
];

const browser = await launch();
// Alive from the begin on, for there is to be something to see of it.
const shop = new Server(...options);
await shop.start();
for (const part of ['client', 'worker', 'worker', 'worker', 'reporter']) {
    shop.php('life.php', part);
}

if (process.env.PICTURE) {
    await story('picture', () => picture({ browser, server: shop, tokens }));
} else {
    const server = new Server(...options);
    await server.start();
    const world = { browser, server, tokens, folder };
    await story('log in', () => stories.logIn(world));
    await story('queue', () => stories.queue(world));
    await story('dead letter', () => stories.deadLetter(world));
    await story('pause', () => stories.pause(world));
    await story('policy', () => stories.policy(world));
    await story('filter', () => stories.filter(world));
    await story('keyboard only', () => stories.keyboard(world));
    await story('who may only look', () => stories.observer(world));
    await story('lost line', () => stories.line(world));
    await story('refused', () => stories.crowd(world));
    await story('chart', () => stories.chart(world));
    if (process.env.CLUSTER) {
        const cluster = ['left', 'right'].map(name => new Server(
            ...options, '--queue-type', 'cluster', '--cluster-url', process.env.CLUSTER, '--cluster-name', name,
        ));
        await Promise.all(cluster.map(one => one.start()));
        await story('servers that share a queue', () => stories.cluster({ ...world, server: cluster[0], other: cluster[1] }));
    }
    await story('looks', () => looks({ browser, server: shop, tokens }));
}
await browser.close();
process.exit();
