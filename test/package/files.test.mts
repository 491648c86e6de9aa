/** House rules that a file can break by itself: length, names, words, values written twice, links. */
import { existsSync, statSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { parameters, readContract } from '../../contract/generator/source.mts';
import { isGenerated, read, root, trackedFiles } from './tree.mts';

const files = trackedFiles();
const byHand = files.filter((name) => !isGenerated(name));
const code = byHand.filter((name) => /\.(m?ts|m?js|cjs|py)$/.test(name));
const texts = byHand.filter((name) =>
	/\.(m?ts|m?js|cjs|py|md|json|toml|ya?ml|html|css|sh)$|(^|\/)(Dockerfile|\.ci\/run)$/.test(name),
);

test('there are files to look at', () => {
	expect(code.length).toBeGreaterThan(50);
	expect(texts.length).toBeGreaterThan(code.length);
});

test('no file is longer than 300 lines without a reason at its top', () => {
	const tooLong = code.filter((name) => {
		const lines = read(name).split('\n');
		const reason = lines.slice(0, 15).some((line) => /\blong(er)? (because|than)\b/i.test(line));
		return lines.length > 301 && !reason;
	});
	expect(tooLong).toEqual([]);
});

test('no file or folder is named after nothing', () => {
	const vague = /(^|\/)(utils?|helpers?|common|shared|misc|icons)(\/|\.[a-z]+$)/;
	expect(byHand.filter((name) => vague.test(name))).toEqual(['contract/common.json']);
});

/** Numbers of requirement lists, paths of one machine, names of planning papers: they age badly. */
const foreign: Array<[what: string, pattern: RegExp]> = [
	[
		'a requirement number',
		/\b(CRD|RUN|IMG|JOB|CAP|CUI|SWM|EPT|POD|WRT|WOP|DOC|EXA|TRG|STO|TPL|VOL|REG|BIL)-\d+\b/,
	],
	['a number of a decision list', /(?<![\w.#&-])[CD]\d{1,2}(?=[\s),.;:]|$)(?![^\n]*(svg|<path))/m],
	['a number of a source list', /\bS\d\.\d{1,2}\b/],
	// n8n's own image has its user's folder at /home/node, which an example may name.
	['a path of one machine', /(^|[\s"'`(=])\/(work|home\/(?!node\/)\w+|root|Users\/\w+)\/[\w.]/m],
	['a path of one machine', /\/tmp\/dev\b/],
	['a planning paper', /\b(acceptance|house|brief)\.md\b/i],
];

test.each(foreign)('no file holds %s: %s', (_, pattern) => {
	const here = 'test/package/files.test.mts';
	expect(texts.filter((name) => name !== here && pattern.test(read(name)))).toEqual([]);
});

test('lock files name no package host', () => {
	for (const name of files.filter((file) => /package-lock\.json$/.test(file))) {
		const hosts = new Set(read(name).match(/"resolved": "https?:\/\/[^/"]+/g) ?? []);
		const other = [...hosts].filter((host) => !host.endsWith('//registry.npmjs.org'));
		expect([name, other]).toEqual([name, []]);
	}
	for (const name of files.filter((file) => /\.lock$|requirements.*\.txt$/.test(file))) {
		const hosts = read(name).match(/https?:\/\/[^/\s]+/g) ?? [];
		const known =
			/^https:\/\/(pypi\.org|files\.pythonhosted\.org|download\.pytorch\.org|github\.com)$/;
		expect([name, hosts.filter((host) => !known.test(host))]).toEqual([name, []]);
	}
});

/** Sizes and times that stand for something else as well. */
const ordinary = new Set([
	128, 150, 200, 256, 300, 500, 512, 1024, 2000, 2048, 3600, 60000, 50_000_000,
]);

describe('no value of the contract is written a second time', () => {
	const contract = readContract();
	const published = byHand.filter((name) =>
		/^(nodes|credentials)\/.*\.ts$|^worker\/(studio\/.*|handler)\.py$/.test(name),
	);
	const schemas = [...contract.routes.map(({ input }) => input), contract.settings];
	const parts = schemas.flatMap((schema) => parameters(schema));

	/** Small and round numbers mean many things; a number like 1152 can only be the default. */
	const numbers = parts
		.flatMap(([, part]) => [part.default, part.minimum, part.maximum])
		.concat(Object.values(contract.job.limits))
		.filter(
			(value): value is number => typeof value === 'number' && value > 100 && !ordinary.has(value),
		);

	test.each([...new Set(numbers)])('number %s', (value) => {
		const digits = String(value);
		const grouped = digits.replace(/\B(?=(\d{3})+$)/g, '_');
		const pattern = new RegExp(`(?<![\\w.])(${digits}|${grouped})(?![\\w.])`);
		expect(published.filter((name) => pattern.test(read(name)))).toEqual([]);
	});

	const sentences = Object.values(contract.failures).flatMap(({ message, remedy }) =>
		[message, remedy].filter((text) => text.length > 20),
	);

	test.each([...new Set(sentences)])('text %s', (text) => {
		const start = text.split('{')[0].slice(0, 40);
		if (start.length < 15) return;
		expect(published.filter((name) => read(name).includes(start))).toEqual([]);
	});
});

/** How a heading is called in a link, as GitHub does it. */
function anchor(heading: string): string {
	return heading
		.replace(
			/[`*_]|\[([^\]]*)\]\([^)]*\)/g,
			(all, text: string | undefined) => text ?? (all === '_' ? '_' : ''),
		)
		.trim()
		.toLowerCase()
		.replace(/[^\p{L}\p{N}\s_-]/gu, '')
		.replace(/\s/g, '-');
}

function anchors(name: string): string[] {
	return [...read(name).matchAll(/^#{1,6}\s+(.*)$/gm)].map(([, heading]) => anchor(heading));
}

const pages = files.filter((name) => name.endsWith('.md'));

test.each(pages)('links of %s lead somewhere', (page) => {
	const plain = read(page).replace(/```[\s\S]*?```/g, '');
	const targets = [...plain.matchAll(/\]\(<?([^)\s>]+)>?[^)]*\)|(?:src|href)="([^"]+)"/g)].map(
		([, markdown, html]) => markdown ?? html,
	);
	const dead = targets
		.filter((target) => !/^[a-z]+:/i.test(target))
		.filter((target) => {
			const [path, fragment] = target.split('#');
			const file = path ? normalize(join(dirname(page), decodeURIComponent(path))) : page;
			if (!existsSync(join(root, file))) return true;
			if (!fragment || statSync(join(root, file)).isDirectory()) return false;
			return file.endsWith('.md') && !anchors(file).includes(fragment);
		});
	expect(dead).toEqual([]);
});
