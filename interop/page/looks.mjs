// Every view in both colour schemes and at two widths: what axe finds, whether it is wider than the window, and a picture of it.

import * as at from './page.mjs';
import { becomes, check, each, is } from './checks.mjs';
import { Window, narrow, wide } from './browser.mjs';

/** Views of a server that lives (life.php), and what is on each once it is there. */
const views = {
    overview: ['', page => at.table(page, 'Functions').getByRole('link', { name: 'print_invoice' })],
    function: ['functions/print_invoice', page => at.button(page, 'Retry').first()],
    job: ['functions/yearly_report', page => at.table(page, 'Jobs').getByRole('link'), page => at.heading(page, /^H:/)],
    workers: ['workers', page => at.table(page, 'Workers').getByRole('row').nth(1)],
    dead: ['dead', page => at.button(page, 'Retry').first()],
    policies: ['policies', page => at.table(page, 'Policies').getByRole('row').nth(1)],
    policy: ['policies/send_*', page => at.button(page, 'Save policy')],
    schedules: ['schedules', page => at.table(page, 'Schedules').getByRole('row').nth(1)],
};

export async function looks({ browser, server, tokens }) {
    const window = await Window.open(browser, server.origin);
    const { page } = window;
    try {
        await page.goto('/');
        await at.token(page).waitFor();
        await look(window, 'login');
        await at.logIn(window, tokens.admin);
        for (const [name, [path, there, behind]] of Object.entries(views)) {
            await window.show('light', wide);
            await page.goto(`/#/${path}`);
            await there(page).waitFor();
            if (behind) {
                await there(page).click();
                await behind(page).waitFor();
            }
            await look(window, name);
        }
    } finally {
        await each('no error in the console, no request elsewhere, nothing against the CSP', () => window.noFaults());
        await window.close();
    }
}

/** A view as it stands, in each scheme and width. */
export async function look(window, name) {
    for (const scheme of ['light', 'dark']) {
        for (const size of [wide, narrow]) {
            await each(`${name}, ${scheme}, ${size.width} px`, async () => {
                await window.show(scheme, size);
                await window.screenshot(`${name}-${size.width}-${scheme}`);
                is(size.width, await window.page.evaluate(() => Math.max(innerWidth, document.documentElement.scrollWidth)));
                is([], await window.violations());
            });
        }
    }
}

/** The overview of a server that has lived for as long as its charts go back: 15 minutes. */
export async function picture({ browser, server, tokens }) {
    const past = async () => (await server.api('history', tokens.observe)).samples.length;
    await check('the server has a past', () => becomes(90, past, 20 * 60_000));
    const window = await Window.open(browser, server.origin);
    await window.show('light', { ...wide, height: 840 }); // to the last function
    await at.logIn(window, tokens.observe);
    await at.shows('3', window.page, 'import_catalogue', 'Queued');
    await check('a picture of it', () => window.screenshot('picture', false));
}
