/** The guides lead where they say: each failure code has its entry, and no link is dead. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { failures } from '../../nodes/RunPod/contract/errors.ts';

const root = resolve(__dirname, '../..');
const text = (file: string) => readFileSync(join(root, file), 'utf8');
const guides = readdirSync(join(root, 'docs'))
	.filter((name) => name.endsWith('.md'))
	.map((name) => `docs/${name}`);

/** GitHub's name of a heading. */
function anchorOf(heading: string): string {
	return heading
		.trim()
		.toLowerCase()
		.replace(/[^\p{L}\p{N} _-]/gu, '')
		.replaceAll(' ', '-');
}

const anchorsOf = (file: string) =>
	[...text(file).matchAll(/^#+ (.+)$/gm)].map(([, heading]) => anchorOf(heading));

test.each(Object.keys(failures))('troubleshooting has an entry for %s', (code) => {
	const links = text('docs/troubleshooting.md').split(
		`[${code}](reference/failures.md#${code.toLowerCase()})`,
	);
	expect(links).toHaveLength(2);
});

test('there are guides', () => expect(guides.length).toBeGreaterThanOrEqual(6));

test.each(guides)('the links of %s lead somewhere', (guide) => {
	const links = [...text(guide).matchAll(/\]\(([^)\s]+)\)/g)].map(([, link]) => link);
	for (const link of links.filter((target) => !/^https?:/.test(target))) {
		const [path, anchor] = link.split('#');
		const file = path === '' ? guide : join(dirname(guide), path);
		expect([link, existsSync(join(root, file))]).toEqual([link, true]);
		if (anchor !== undefined) expect(anchorsOf(file)).toContain(anchor);
	}
});

test.each(guides)('%s names fields as the form does', (guide) => {
	// Bold words that look like a field with a unit are the ones that get renamed.
	const labels = [...text(guide).matchAll(/\*\*([^*]+ \((?:Seconds|Ms)\))\*\*/g)];
	const form = ['fields', 'management'].map((name) => text(`nodes/RunPod/contract/${name}.ts`)).join('');
	for (const [, label] of labels) {
		expect(form).toContain(`'${label.split(' > ').at(-1)}'`);
	}
});
