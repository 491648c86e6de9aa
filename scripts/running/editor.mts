/** n8n's editor in a browser, as far as the pictures of the README need it. */
import { selectors } from 'playwright-core';
import type { Page } from 'playwright-core';
import type { Login } from './n8nClient.mts';

const WAIT = { timeout: 120_000 };
// n8n's name for what Playwright expects as data-testid.
selectors.setTestIdAttribute('data-test-id');

export async function logIn(page: Page, url: string, login: Login): Promise<void> {
	await page.goto(`${url}/signin`);
	await page.locator('input[name="emailOrLdapLoginId"]').fill(login.email, WAIT);
	await page.locator('input[name="password"]').fill(login.password);
	await page.getByRole('button', { name: 'Sign in' }).click();
	await page.waitForURL((address) => !address.pathname.startsWith('/signin'), WAIT);
}

/** Opens a workflow, executes it with the editor's own button and waits for its end. */
export async function execute(page: Page, address: string, node: string): Promise<void> {
	await page.goto(address);
	await page.getByRole('button', { name: 'Execute workflow' }).last().click(WAIT);
	await page.locator(`[data-node-name="${node}"]`).getByTestId('canvas-node-status-success').first().waitFor({ ...WAIT, state: 'attached' });
}

/** Opens a node's panel. */
export async function openPanel(page: Page, node: string): Promise<void> {
	await page.locator(`[data-node-name="${node}"]`).first().dblclick(WAIT);
	await page.getByTestId('node-parameters').or(page.getByTestId('ndv')).first().waitFor(WAIT);
}

/** Chooses an option in the open panel, as a person does, and returns the names of the fields shown then. */
export async function choose(page: Page, field: string, option: string): Promise<string[]> {
	await page.getByTestId(`parameter-input-${field}`).locator('input').first().click(WAIT);
	// The lists of all fields lie in the page; the open one alone is visible.
	const items = page.getByTestId('parameter-input-item').filter({ visible: true });
	await items.filter({ hasText: option }).first().click(WAIT);
	await items.first().waitFor({ ...WAIT, state: 'hidden' });
	const shown = await page
		.locator('[data-test-id^="parameter-input-"]')
		.evaluateAll((elements) => elements.map((element) => (element as { dataset?: { testId?: string } }).dataset?.testId ?? ''));
	return shown.map((id) => id.replace('parameter-input-', '')).filter((name) => !['field', 'item'].includes(name));
}

/** Opens the list of a field in which several things can be chosen, and waits for an entry with this word. */
export async function openList(page: Page, field: string, word: string): Promise<void> {
	await page.getByTestId(`parameter-input-${field}`).locator('.el-select').first().click(WAIT);
	await page.getByRole('option').filter({ visible: true, hasText: word }).first().waitFor(WAIT);
}

/** Opens a node's panel and shows the image among its output. */
export async function showImage(page: Page, node: string): Promise<void> {
	await openPanel(page, node);
	const output = page.getByTestId('output-panel');
	await output.getByTestId('radio-button-binary').click(WAIT);
	await output.getByTestId('ndv-view-binary-data').first().click(WAIT);
}
