/** A real browser without a window, for the parts that only a browser can show. */
import { chromium } from 'playwright-core';
import type { Browser, Page } from 'playwright-core';
import { which } from '../setup/programs.mts';

export function findBrowser(): string | undefined {
	return which('chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable', 'microsoft-edge');
}

/** Quiet and alone: no sandbox (containers forbid it), no updates, no traffic of the browser's own. */
const FLAGS = [
	'--headless',
	'--no-sandbox',
	'--disable-gpu',
	'--disable-quic',
	'--no-first-run',
	'--disable-background-networking',
	'--disable-component-update',
	'--disable-sync',
];

export async function withBrowser<T>(path: string, work: (browser: Browser) => Promise<T>): Promise<T> {
	const browser = await chromium.launch({ executablePath: path, args: FLAGS });
	try {
		return await work(browser);
	} finally {
		await browser.close();
	}
}

/** The part of the browser's image element that is used here. */
interface DecodedImage {
	src: string;
	naturalWidth: number;
	naturalHeight: number;
	decode: () => Promise<void>;
}

export interface Shown {
	bytes: Buffer;
	/** Size in pixels as the browser decoded it. */
	width: number;
	height: number;
}

/** Fills in the demo's form as a person would and returns the picture that the page then shows. */
export async function sendForm(page: Page, address: string, sentence: string): Promise<Shown> {
	await page.goto(address);
	await page.getByLabel('Sentence').fill(sentence);
	await page.getByRole('button', { name: 'Make the picture' }).click();
	const picture = page.getByAltText('The generated picture');
	await picture.waitFor({ timeout: 180_000 });
	// What the browser's own decoder says, not what the address promises.
	const { src, naturalWidth, naturalHeight } = await picture.evaluate(async (element) => {
		const image = element as unknown as DecodedImage;
		await image.decode();
		return { src: image.src, naturalWidth: image.naturalWidth, naturalHeight: image.naturalHeight };
	});
	return { bytes: Buffer.from(src.slice(src.indexOf(',') + 1), 'base64'), width: naturalWidth, height: naturalHeight };
}
