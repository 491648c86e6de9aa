/** A browser for the end-to-end tests where none is installed: only in continuous integration, as root. */
import { findBrowser } from '../running/browser.mts';
import { which } from '../setup/programs.mts';
import { say, step, tool } from '../setup/progress.mts';

/** Nobody's own machine is changed: without CI in the environment the browser test is skipped with a sentence. */
export async function provideBrowser(): Promise<void> {
	const aptGet = which('apt-get');
	if (findBrowser() || !process.env.CI || !aptGet || process.getuid?.() !== 0) return;
	const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
	try {
		await step("Debian's chromium for the browser test", async () => {
			await tool(aptGet, ['update'], { env, failed: 'The package lists could not be fetched.' });
			await tool(aptGet, ['install', '--yes', '--no-install-recommends', 'chromium'], { env, failed: 'No chromium.' });
		});
	} catch (error) {
		// The test then is skipped with its sentence: a missing browser is no failure of the code.
		say((error as Error).message.split('\n')[0]);
	}
}
