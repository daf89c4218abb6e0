// What somebody does on the page: stories, each in a window and with functions of its own, in any order. Each is given the
// world: browser, server, tokens, and a folder for files.

import { writeFileSync } from 'node:fs';
import * as at from './page.mjs';
import { becomes, check, each, is } from './checks.mjs';
import { look } from './looks.mjs';
import { Window } from './browser.mjs';
import { end } from './server.mjs';

/** A story in a window of its own, which is looked at for faults in the end. */
const inWindow = tell => async world => {
    const window = await Window.open(world.browser, world.server.origin);
    try {
        await tell({ ...world, window, page: window.page });
    } finally {
        await each('no error in the console, no request elsewhere, nothing against the CSP', () => window.noFaults());
        await window.close();
    }
};

export const logIn = inWindow(async ({ window, page, tokens }) => {
    await page.goto('/');
    await check('a wrong token is refused, and the page says so', async () => {
        await at.token(page).fill('wrong');
        await at.button(page, 'Log in').click();
        await at.alert(page, 'not known').waitFor();
        is(0, await at.button(page, 'Log out').count());
    });
    await check('a right one is let in', () => at.logIn(window, tokens.admin));
    await check('its cookie is not for scripts, nor for other sites', async () => {
        is('', await page.evaluate(() => document.cookie));
        const [{ httpOnly, sameSite }] = await window.context.cookies();
        is([true, 'Strict'], [httpOnly, sameSite]);
    });
    await check('who loads the page again is still there', async () => {
        await page.reload();
        await at.button(page, 'Log out').waitFor();
    });
    await check('who logs out is not', async () => {
        await at.button(page, 'Log out').click();
        await at.token(page).waitFor();
        is([], await window.context.cookies());
    });
});

export const queue = inWindow(async ({ window, page, server, tokens }) => {
    await at.logIn(window, tokens.admin);
    const { loads } = window;
    await check('a queue grows while one looks', async () => {
        await server.submit('letters', 'a', 'b');
        await at.shows('2', page, 'letters', 'Queued');
        await server.submit('letters', 'c');
        await at.shows('3', page, 'letters', 'Queued');
    });
    await check('that nobody works on it is among the problems, above all', async () => {
        const problem = page.getByRole('listitem').filter({ hasText: 'No worker' }).filter({ has: at.link(page, 'letters') });
        await problem.waitFor();
        const [problems, table] = await Promise.all([problem, at.table(page, 'Functions')].map(one => one.boundingBox()));
        is(true, problems.y < table.y);
    });
    await check('it shrinks when a worker comes', async () => {
        const worker = server.worker(['letters'], 'cat');
        await at.shows('1', page, 'letters', 'Workers');
        await at.shows('0', page, 'letters', 'Queued');
        await end(worker);
        await at.shows('0', page, 'letters', 'Workers');
    });
    await check('all that without loading the page again', () => is(loads, window.loads));
    await check('nothing is shown of servers, for no queue is shared', async () => {
        is(0, await at.link(page, 'Servers').count());
        is(0, await at.table(page, 'Functions').getByRole('columnheader', { name: 'Free' }).count());
        is(false, await page.locator('#standing').isVisible());
    });
});

const reason = '<img src=x onerror=alert(1)> no disk';
const workload = '<script>alert(2)</script>';

export const deadLetter = inWindow(async ({ window, page, server, tokens, folder }) => {
    const repaired = `${folder}/repaired`;
    const worker = server.php('worker.php', 'invoices', repaired, reason);
    await server.submit('invoices', 'another', workload);
    await at.logIn(window, tokens.admin);
    const letters = page.getByRole('region', { name: 'Dead letters' });
    const counts = async () => (await server.api('functions/invoices', tokens.admin)).counts;
    await check('the overview counts them', () => at.shows('2', page, 'invoices', 'Dead'));
    await check('the function opens', () => at.open(page, 'invoices'));
    await check('one is forgotten, but not before it was asked', async () => {
        const forget = at.button(letters, 'Forget').first();
        const dialog = page.getByRole('dialog');
        await forget.click();
        await at.button(dialog, 'Keep').click();
        await dialog.waitFor({ state: 'hidden' });
        is(2, (await server.api('dead?function=invoices', tokens.admin)).dead.length);
        await forget.click();
        await at.button(dialog, 'Forget').click();
        await becomes(1, () => at.button(letters, 'Retry').count());
        is(1, (await server.api('dead?function=invoices', tokens.admin)).dead.length);
    });
    await check('its reason is there, HTML as text', async () => {
        await letters.getByText(reason).waitFor();
        is(0, await page.locator('img[src="x"]').count());
    });
    await check('and its workload', async () => {
        await letters.getByText('Workload', { exact: true }).first().click();
        await letters.getByRole('region', { name: 'Workload' }).waitFor();
        is(0, await page.locator('main script').count());
    });
    await check('tried again too early, it fails once more', async () => {
        await at.button(letters, 'Retry').click();
        await becomes(3, async () => (await counts()).dead);
        await letters.getByText(reason).waitFor();
    });
    await check('tried again when its cause is gone, it succeeds', async () => {
        writeFileSync(repaired, '');
        await at.button(letters, 'Retry').click();
        await becomes(1, async () => (await counts()).completed);
        await letters.getByText('No dead letters').waitFor();
    });
    await end(worker);
});

export const pause = inWindow(async ({ window, page, server, tokens }) => {
    const worker = server.worker(['thumbnails'], 'cat');
    const facts = async () => {
        const { queued, paused, counts } = await server.api('functions/thumbnails', tokens.admin);
        return { queued, paused, completed: counts.completed };
    };
    await at.logIn(window, tokens.admin);
    await at.open(page, 'thumbnails');
    await check('a function pauses, and its jobs wait', async () => {
        await at.button(page, 'Pause').click();
        await at.button(page, 'Resume').waitFor();
        await server.submit('thumbnails', 'a');
        is({ queued: 1, paused: true, completed: 0 }, await facts());
        await at.table(page, 'Jobs').getByRole('cell', { name: 'queued' }).waitFor();
    });
    await check('it resumes, and they are run', async () => {
        await at.button(page, 'Resume').click();
        await at.button(page, 'Pause').waitFor();
        await becomes({ queued: 0, paused: false, completed: 1 }, facts);
        await page.getByText('No job waits or runs').waitFor();
    });
    await end(worker);
});

const atRunTime = page => page.getByText('set at run time', { exact: true });

export const policy = inWindow(async ({ window, page, server, tokens }) => {
    await server.submit('reports', 'a');
    await at.logIn(window, tokens.admin);
    await at.open(page, 'reports');
    const retries = page.getByLabel('retries', { exact: true });
    const holds = async () => (await server.api('functions/reports', tokens.admin)).policy.retries;
    await check('what the file says is shown', () => page.getByText('by *, file').first().waitFor());
    await check('a policy is changed', async () => {
        await retries.fill('3');
        await at.button(page, 'Save policy').click();
        await at.status(page, 'Saved').waitFor();
        await atRunTime(page).waitFor();
        is('3', String(await holds()));
    });
    await check('a wrong value is refused, and why is said where it stands', async () => {
        await window.expecting(/status of 422/, async () => {
            await retries.fill('many');
            await at.button(page, 'Save policy').click();
            await at.alert(page, 'retries').waitFor();
        });
        is('true', await retries.getAttribute('aria-invalid'));
        is('3', String(await holds()));
    });
    await check('an empty one takes it back', async () => {
        await retries.fill('');
        await at.button(page, 'Save policy').click();
        await atRunTime(page).waitFor({ state: 'hidden' });
        is('0', String(await holds() ?? 0));
    });
});

export const filter = inWindow(async ({ window, page, server, tokens }) => {
    await server.submit('sieve_fine', 'a');
    await server.submit('sieve_coarse', 'a', 'b');
    await at.logIn(window, tokens.admin);
    await at.shows('2', page, 'sieve_coarse', 'Queued');
    await check('only functions with the text in their names are left', async () => {
        await at.filter(page).fill('SIEVE');
        await becomes(['sieve_coarse', 'sieve_fine'], () => at.functions(page));
        await at.filter(page).fill('fine');
        await becomes(['sieve_fine'], () => at.functions(page));
    });
    await check('also after the page was loaded again', async () => {
        await page.reload();
        await becomes(['sieve_fine'], () => at.functions(page));
    });
    await check('a column sorts them, and once more the other way', async () => {
        await at.filter(page).fill('sieve');
        await at.button(page, 'Queued').click();
        await becomes(['sieve_coarse', 'sieve_fine'], () => at.functions(page));
        await at.button(page, 'Queued').click();
        await becomes(['sieve_fine', 'sieve_coarse'], () => at.functions(page));
    });
});

export const keyboard = inWindow(async ({ page, server, tokens, folder }) => {
    const worker = server.php('worker.php', 'by_hand', `${folder}/by_hand`, 'not yet');
    await server.submit('by_hand', 'a');
    const press = locator => at.press(page, locator);
    await page.goto('/');
    await check('logs in', async () => {
        await at.tabTo(page, at.token(page));
        await page.keyboard.type(tokens.admin);
        await page.keyboard.press('Enter');
        await at.button(page, 'Log out').waitFor();
    });
    await check('skips what is on every view', async () => {
        await press(at.link(page, 'Skip to content'));
        is('main', await page.evaluate(() => document.activeElement.id));
    });
    await check('filters, and opens a function', async () => {
        await at.tabTo(page, at.filter(page));
        await page.keyboard.type('hand');
        await press(at.table(page, 'Functions').getByRole('link', { name: 'by_hand' }));
        await at.heading(page, 'by_hand').waitFor();
    });
    await check('pauses and resumes it', async () => {
        await press(at.button(page, 'Pause'));
        await press(at.button(page, 'Resume'));
        await at.button(page, 'Pause').waitFor();
    });
    await check('retries a dead letter', async () => {
        writeFileSync(`${folder}/by_hand`, '');
        await press(at.button(page, 'Retry'));
        await page.getByText('No dead letters').waitFor();
    });
    await check('changes a policy', async () => {
        await at.tabTo(page, page.getByLabel('max-queue', { exact: true }));
        await page.keyboard.type('5');
        await press(at.button(page, 'Save policy'));
        await atRunTime(page).waitFor();
    });
    await check('and logs out', async () => {
        await press(at.button(page, 'Log out'));
        await at.token(page).waitFor();
    });
    await end(worker);
});

export const observer = inWindow(async ({ window, page, server, tokens, folder }) => {
    const worker = server.php('worker.php', 'looked_at', `${folder}/never`, reason);
    await server.submit('looked_at', 'a');
    await server.submit('unlooked', 'a');
    await at.logIn(window, tokens.observe);
    await check('sees functions', () => at.shows('1', page, 'looked_at', 'Dead'));
    const [{ handle }] = (await server.api('functions/unlooked/jobs', tokens.observe)).jobs;
    // What only shows something else, or has to do with the reader alone.
    const harmless = ['Log out', 'Previous page', 'Next page', 'Show all'];
    for (const view of ['', 'functions/looked_at', 'functions/unlooked', `jobs/${handle}`, 'workers', 'dead', 'policies', 'schedules']) {
        await each(`may change nothing at #/${view}`, async () => {
            await page.goto(`/#/${view}`);
            await settled(page);
            const controls = await page.locator('button:visible, input:visible, select:visible, textarea:visible').evaluateAll(found => found
                .filter(one => !one.closest('th') && !['filter', 'theme'].includes(one.id))
                .map(one => one.textContent.trim() || one.name || one.id));
            is([], controls.filter(name => !harmless.includes(name)));
        });
    }
    await end(worker);
});

export const line = inWindow(async ({ window, page, server, tokens }) => {
    await server.submit('before', 'a');
    await at.logIn(window, tokens.admin);
    await at.open(page, 'before');
    await at.status(page, 'Live').waitFor();
    const { loads } = window;
    // The browser itself says of each request that it led nowhere, or to a function that the new server has not heard of.
    await window.expecting(/net::ERR_|status of 404/, async () => {
        await check('a lost line is seen', async () => {
            await server.kill();
            await at.status(page, 'Connection lost').waitFor();
        });
        await check('it comes back by itself when the server does', async () => {
            await server.start();
            await at.status(page, 'Live').waitFor();
        });
        await check('also where the server does not know any more what is looked at, which is said', async () => {
            await at.alert(page, 'there is no function before').waitFor();
            await page.goto('/#/');
            await server.submit('after', 'a');
            await at.shows('1', page, 'after', 'Queued');
            is(loads, window.loads);
        });
    });
    await check('and who loads the page again is still logged in', async () => {
        await page.reload();
        await at.shows('1', page, 'after', 'Queued');
    });
});

export const crowd = inWindow(async ({ window, page, server, tokens }) => {
    const letGo = await server.crowd(tokens.observe);
    await window.expecting(/status of 503/, () => check('where as many watch as may, that is said', async () => {
        await at.logIn(window, tokens.admin);
        await at.status(page, 'as many watch already as may').waitFor();
    }));
    await check('and when there is room, the page is live', async () => {
        letGo();
        await at.status(page, 'Live').waitFor();
    });
});

// A chart of a quarter of an hour is made by its own script, as the page has it: nobody waits for so long here.
export const chart = inWindow(async ({ page }) => {
    await page.goto('/');
    const times = (...steps) => page.evaluate(async all => {
        const { Series } = await import('/series.js');
        const series = new Series();
        for (const one of all) {
            if (Array.isArray(one)) {
                series.load({ step: 10, samples: one.map(time => ({ at: time })) });
            } else {
                series.add({ at: one });
            }
        }
        return series.samples.map(sample => sample.at);
    }, steps);
    await check('a chart goes on with what comes live', async () => {
        is([9000, 9010, 9023, 9031], await times([9000, 9010], 9021, 9023, 9031));
    });
    await check('what comes a little late is in it already', async () => is([9000, 9010], await times([9000, 9010], 9008)));
    await check('it goes on when the clock of the server was set back', async () => {
        is([5402, 5410], await times([9000, 9010], 9021, 5400, 5402, 5410));
    });
    await check('also when the server was started anew then', async () => is([5400], await times([9000, 9010], 9021, [], 5400)));
    await check('and where what the server has is of before and after', async () => is([5400, 5410, 5421], await times([9000, 5400, 5410], 5421)));
});

/** What a row of the servers says in a column. */
const ofServer = (page, name, column) => at.table(page, 'Servers').getByRole('row').filter({ hasText: name })
    .locator(`[data-column=${column}]`).textContent();

export const cluster = inWindow(async ({ window, page, server, other, tokens }) => {
    const { admin } = tokens;
    const free = await server.queue('shared', admin);
    const worker = other.worker(['begun'], 'sleep', '1000');
    const begun = await server.queue('begun', admin);
    await becomes('right', async () => (await server.api(`jobs/${begun}`, admin)).server ?? null);
    await at.logIn(window, admin);
    await check('the head says that this server hands out jobs', () => at.link(page, 'Ready, lease held').waitFor());
    await check('what is free stands beside what is queued', () => at.shows('1', page, 'shared', 'Free'));
    await each('that looks well', () => look(window, 'overview of a cluster'));
    await check('the servers are listed', async () => {
        await at.link(page, 'Servers').click();
        await becomes(['left (this one)', 'right'], async () => (await at.table(page, 'Servers').getByRole('rowheader').allTextContents()).sort());
        is(['lives', 'lives'], [await ofServer(page, 'left', 'state'), await ofServer(page, 'right', 'state')]);
        await becomes('1', () => ofServer(page, 'right', 'jobs'));
    });
    await each('that looks well, too', () => look(window, 'servers'));
    await check('a job that another server has is shown, with that server, and is left to it', async () => {
        await page.goto(`/#/jobs/${begun}`);
        await at.heading(page, begun).waitFor();
        await page.getByText('right', { exact: true }).waitFor();
        await page.getByText('running', { exact: true }).waitFor();
        is(0, await at.button(page, 'Cancel').count());
    });
    await each('it looks well, too', () => look(window, 'job elsewhere'));
    // The view may ask for the job between its end and the answer that says so.
    await window.expecting(/status of 404/, () => check('one that no server has is cancelled', async () => {
        await page.goto(`/#/jobs/${free}`);
        await page.getByText('at no server', { exact: true }).waitFor();
        is(0, await at.button(page, 'Bury').count());
        await at.button(page, 'Cancel').click();
        await at.button(page.getByRole('dialog'), 'Cancel job').click();
        await at.heading(page, 'shared').waitFor();
        await page.goto('/#/');
        await at.shows('0', page, 'shared', 'Free');
    }));
    await check('that a server has left is seen', async () => {
        await at.link(page, 'Servers').click();
        await end(worker);
        await end(other.process);
        await becomes('left', () => ofServer(page, 'right', 'state'));
    });
    await window.expecting(/status of 503/, () => check('that the database is away is seen', async () => {
        process.kill(process.env.CLUSTER_PID, 'SIGINT');
        await page.getByText('the shared queue does not answer').waitFor();
        await at.link(page, 'Not ready, no lease').waitFor();
        await page.goto('/#/');
        await page.getByRole('listitem').filter({ hasText: 'Not ready' }).waitFor();
    }));
});

/** All that a view asks for has come. */
const settled = async page => {
    await page.getByRole('heading', { level: 1 }).waitFor();
    await at.status(page, 'Live').waitFor();
};
