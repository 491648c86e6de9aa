/** The two test runners, and how their reports are read. */
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { repository } from '../setup/places.mts';
import { program } from './stage.mts';
import type { Result, Stage } from './stage.mts';

interface JestReport {
	numPassedTests: number;
	numFailedTests: number;
	numRuntimeErrorTestSuites: number;
	testResults: Array<{ assertionResults: Array<{ status: string; fullName: string }> }>;
}

/** Runs `work` with the path of a report file that is gone afterwards; without a report the stage failed. */
async function reported(name: string, work: (file: string) => Promise<number>, read: (text: string) => Result): Promise<Result> {
	const folder = mkdtempSync(join(tmpdir(), 'studio-report-'));
	const file = join(folder, 'report');
	try {
		const code = await work(file);
		if (!existsSync(file)) throw new Error(`${name} ended with ${code} and without a report.`);
		const result = read(readFileSync(file, 'utf8'));
		// A runner can fail for reasons that are no test, e.g. a file that cannot be collected.
		if (code !== 0 && result.failed === 0) result.failed = 1;
		return result;
	} finally {
		rmSync(folder, { recursive: true, force: true });
	}
}

export function readJest(text: string): Result {
	const report = JSON.parse(text) as JestReport;
	return {
		passed: report.numPassedTests,
		// A suite that could not be loaded has no tests, but has failed.
		failed: report.numFailedTests + report.numRuntimeErrorTestSuites,
		skipped: report.testResults
			.flatMap((file) => file.assertionResults)
			.filter((test) => test.status === 'pending' || test.status === 'todo')
			.map((test) => test.fullName),
	};
}

export function jest(name: string, projects: string[], env: () => NodeJS.ProcessEnv, more: string[] = []): Stage {
	return {
		name,
		run: () =>
			reported(
				name,
				(file) =>
					program(
						process.execPath,
						[
							join(repository, 'node_modules', 'jest', 'bin', 'jest.js'),
							'--selectProjects',
							...projects,
							'--json',
							`--outputFile=${file}`,
							'--passWithNoTests=false',
							...more,
						],
						env(),
					),
				readJest,
			),
	};
}

const XML: Record<string, string> = { '&lt;': '<', '&gt;': '>', '&quot;': '"', '&apos;': "'", '&amp;': '&' };

export function readJunit(text: string): Result {
	const suite = /<testsuite\s[^>]*>/.exec(text)?.[0] ?? '';
	const count = (name: string): number => Number(new RegExp(`\\b${name}="(\\d+)"`).exec(suite)?.[1] ?? 0);
	const failed = count('failures') + count('errors');
	const skipped = [...text.matchAll(/<skipped\b[^>]*?\bmessage="([^"]*)"/g)].map(([, message]) =>
		message.replace(/&(lt|gt|quot|apos|amp);/g, (entity) => XML[entity]),
	);
	return { passed: count('tests') - failed - count('skipped'), failed, skipped };
}

export function pytest(
	name: string,
	python: () => string,
	more: string[] = [],
	folder = 'worker/tests',
): Stage {
	return {
		name,
		run: () =>
			reported(
				name,
				(file) =>
					program(python(), ['-m', 'pytest', '--quiet', `--junitxml=${file}`, ...more, folder], {
						PYTHONDONTWRITEBYTECODE: '1',
						HF_HUB_OFFLINE: '1',
					}),
				readJunit,
			),
	};
}
