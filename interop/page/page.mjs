// Where things are on the page, by role and name, as a screen reader finds them; and what people do again and again.

import { becomes } from './checks.mjs';

export const token = page => page.getByLabel('Token');
export const filter = page => page.getByLabel('Filter functions');
export const button = (page, name) => page.getByRole('button', { name, exact: true });
export const link = (page, name) => page.getByRole('link', { name, exact: true });
export const heading = (page, name) => page.getByRole('heading', { name });
export const status = (page, text) => page.getByRole('status').filter({ hasText: text });
export const alert = (page, text) => page.getByRole('alert').filter({ hasText: text });
export const table = (page, name) => page.getByRole('table', { name, exact: true });

/** The functions of the overview, as they stand below each other. */
export const functions = page => table(page, 'Functions').getByRole('rowheader').getByRole('link').allTextContents();

/** What a function's row of the overview says in a column. */
export async function cell(page, functionName, column) {
    const headers = await table(page, 'Functions').getByRole('columnheader').allTextContents();
    const row = table(page, 'Functions').getByRole('row').filter({ has: link(page, functionName) });
    const [first, ...cells] = await row.locator('> :visible').allTextContents();
    return [first, ...cells][headers.indexOf(column)]?.trim();
}

/** Waits until the overview says so. */
export const shows = (wanted, page, functionName, column) => becomes(wanted, () => cell(page, functionName, column));

export async function logIn(window, secret) {
    await window.page.goto('/');
    await token(window.page).fill(secret);
    await button(window.page, 'Log in').click();
    await button(window.page, 'Log out').waitFor();
}

export async function open(page, functionName) {
    await link(page, functionName).first().click();
    await heading(page, functionName).waitFor();
}

/** Presses Tab until the focus is there, as somebody without a mouse does; what has the focus looks so. */
export async function tabTo(page, locator) {
    await locator.waitFor();
    const focused = () => locator.evaluate(element => element === document.activeElement);
    for (let presses = 0; !(await focused()); presses++) {
        if (presses === 200) {
            throw new Error(`Tab does not lead to ${locator}`);
        }
        await page.keyboard.press('Tab');
    }
    const seen = await locator.evaluate(element => {
        const { outlineStyle, outlineWidth, boxShadow } = getComputedStyle(element);
        return (outlineStyle !== 'none' && outlineWidth !== '0px') || boxShadow !== 'none';
    });
    if (!seen) {
        throw new Error(`${locator} does not show that it has the focus`);
    }
}

export async function press(page, locator) {
    await tabTo(page, locator);
    await page.keyboard.press('Enter');
}
