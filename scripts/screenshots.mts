/**
 * npm run screenshots: makes the README's pictures from a running demo.
 *
 *   docs/images/first-image.jpg   what the demo's first workflow made
 *   docs/images/editor.png        the executed workflow in the editor, the node's panel open
 *   docs/images/form.png          the form's page with the picture
 *   docs/images/pod-create.png    the panel of Pod > Create, with the Pod it made
 *   docs/images/gpu-types.png     the list of GPU types with memory, price and stock
 *
 * The last two show an emulated account: no key is needed, nothing is paid, and its prices are invented.
 */
import { copyFileSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { findBrowser, sendForm, withBrowser } from './running/browser.mts';
import { startDemo } from './running/demo.mts';
import { execute, logIn, showImage } from './running/editor.mts';
import { withCleanEnd } from './running/processes.mts';
import { repository } from './setup/places.mts';
import { say } from './setup/progress.mts';
import { explain, Remedy } from './setup/remedy.mts';
import { photographAccount } from './running/accountPictures.mts';

const SIZE = { width: 1440, height: 900 };

export async function main(): Promise<void> {
	await withCleanEnd(async () => {
		try {
			await makePictures(join(repository, 'docs', 'images'));
			return 0;
		} catch (error) {
			console.error(explain(error));
			return 1;
		}
	});
}

async function makePictures(folder: string): Promise<void> {
	const browserPath = findBrowser();
	if (!browserPath) throw new Remedy('A browser is needed. On Debian and Ubuntu: apt-get install chromium.');
	const demo = await startDemo({ fresh: false, port: 0 });
	mkdirSync(folder, { recursive: true });
	copyFileSync(demo.image, join(folder, 'first-image.jpg'));
	await withBrowser(browserPath, async (browser) => {
		const page = await browser.newPage({ viewport: SIZE });
		await sendForm(page, demo.form, 'a penguin on a blue background');
		await page.screenshot({ path: join(folder, 'form.png') });
		await logIn(page, demo.client.url, demo.login);
		await execute(page, demo.editor, 'RunPod');
		await showImage(page, 'RunPod');
		// The panel slides in.
		await page.waitForTimeout(1500);
		await page.screenshot({ path: join(folder, 'editor.png') });
		await photographAccount(page, demo, folder);
	});
	say(`The pictures are in ${folder}`);
}
