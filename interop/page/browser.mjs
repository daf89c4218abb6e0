// Chromium, and what is looked at in every window: what the console says, where requests go, what the page's own rules (CSP)
// forbade, what axe finds, how it looks.

import { createRequire } from 'node:module';
import { mkdirSync, readFileSync } from 'node:fs';
import { deadline } from './checks.mjs';

// Bare names would be looked for beside this file, and nothing is unpacked into the sources.
const require = createRequire(`${process.env.PAGE_MODULES}/package.json`);
const { chromium } = require('playwright-core');
const axe = readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8');

export const wide = { width: 1280, height: 800 };
export const narrow = { width: 360, height: 740 };

export async function launch() {
    return chromium.launch({
        executablePath: process.env.CHROMIUM,
        args: [
            '--no-sandbox', // it refuses to run as root otherwise
            '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1', // nobody is asked for a name
        ],
    });
}

/** A window of its own, with cookies of its own. */
export class Window {
    static async open(browser, origin) {
        const context = await browser.newContext({ baseURL: origin, viewport: wide, colorScheme: 'light', reducedMotion: 'reduce' });
        const page = await context.newPage();
        page.setDefaultTimeout(deadline);
        const window = new Window();
        Object.assign(window, { context, page, origin, faults: [], expected: [], loads: 0 });
        await window.#watch();
        return window;
    }

    async #watch() {
        const { page, faults } = this;
        page.on('console', message => {
            if (['error', 'warning'].includes(message.type()) && !this.expected.some(pattern => pattern.test(message.text()))) {
                faults.push(`console: ${message.text()} at ${message.location().url}`);
            }
        });
        page.on('pageerror', error => faults.push(`thrown: ${error.message}`));
        page.on('dialog', dialog => {
            if (!this.answer) {
                faults.push(`dialog: ${dialog.message()}`);
            }
            return this.answer ? dialog.accept() : dialog.dismiss();
        });
        page.on('request', request => {
            if (!request.url().startsWith(`${this.origin}/`)) {
                faults.push(`request to ${request.url()}`);
            }
        });
        page.on('load', () => this.loads++);
        await page.exposeFunction('reportViolation', text => { faults.push(`CSP: ${text}`); });
        await page.addInitScript(() => addEventListener('securitypolicyviolation', event => {
            globalThis.reportViolation(`${event.violatedDirective} ${event.blockedURI} ${event.sourceFile ?? ''}`);
        }));
    }

    /** While `act` runs, and until the next such call, the console may say what the browser says of such an answer. */
    async expecting(pattern, act) {
        this.expected.push(pattern);
        return act();
    }

    /** Ends in an error where something went wrong since the window was opened. */
    noFaults() {
        if (this.faults.length > 0) {
            throw new Error([...new Set(this.faults)].join('; '));
        }
    }

    /** What axe calls serious or critical. */
    async violations() {
        const loaded = await this.page.evaluate(() => 'axe' in globalThis);
        if (!loaded) {
            await this.page.evaluate(axe);
        }
        const found = await this.page.evaluate(() => globalThis.axe.run(document, { resultTypes: ['violations'] }));
        return found.violations
            .filter(({ impact }) => ['serious', 'critical'].includes(impact))
            .map(({ id, nodes }) => `${id}: ${nodes.slice(0, 3).map(node => `${node.html} (${node.failureSummary})`).join(', ')}`);
    }

    /** How it looks now, under target/page/; from the top to its end, or what is seen without scrolling. */
    async screenshot(name, fullPage = true) {
        mkdirSync('target/page', { recursive: true });
        await this.page.screenshot({ path: `target/page/${name}.png`, animations: 'disabled', fullPage });
    }

    async show(scheme, size) {
        await this.page.emulateMedia({ colorScheme: scheme });
        await this.page.setViewportSize(size);
    }

    async close() {
        await this.context.close();
    }
}
