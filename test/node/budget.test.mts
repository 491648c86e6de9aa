/** Budget Guard against the platform: each limit, what is submitted, what is refused, what is paused. */
import type { INodeParameters } from 'n8n-workflow';
import type { Outcome, Setup } from './harness.mts';
import { runNode } from './harness.mts';
import {
	account,
	ENDPOINT,
	fault,
	generate,
	ledger,
	OTHER_ENDPOINT,
	usePlatform,
	workerDoes,
} from './platform.mts';

usePlatform();

/** A dollar for each second on the worker, so that an amount is a time. RunPod ends no job before 5 s. */
beforeEach(() => account({ gpus: [{ id: 'G', pool: 'ADA_24', price: 3600 }] }));

const items = (count: number) => Array.from({ length: count }, (_, n) => ({ json: { n } }));
const goOn = { settings: { onError: 'continueRegularOutput' } } as const;

function within(jobOptions: INodeParameters, count = 1, setup: Partial<Setup> = goOn): Setup {
	const options = { runTimeoutS: 5, maxParallelJobs: 1, ...jobOptions };
	return generate({ jobOptions: options }, { items: items(count), ...setup });
}

const times = () => ledger().submits.map(({ policy }) => policy?.executionTimeout);
const errors = (outcome: Outcome) =>
	outcome.items.map(({ json }) => (json.error === undefined ? 'image' : String(json.error)));
const codeOf = (outcome: Outcome) => (outcome.error?.context?.data as { code?: string })?.code;

describe('Max USD per Job', () => {
	test('cuts the execution timeout to budget / price, for each item by its own expression', async () => {
		workerDoes({ runMs: 50 });
		const setup = within({ runTimeoutS: 300, maxUsdPerJob: '={{ [20, 40.5, 0][$json.n] }}' }, 3);
		const { status } = await runNode(setup);
		expect(status).toBe('success');
		expect(times()).toEqual([20_000, 40_500, 300_000]);
	});

	test('a job that uses it up is ended and told, and nobody takes it over', async () => {
		workerDoes({ runMs: 60_000 });
		const outcome = await runNode(
			within(
				{
					runTimeoutS: 300,
					maxUsdPerJob: 5,
					fallback: 'endpoint',
					fallbackEndpoint: OTHER_ENDPOINT,
				},
				1,
				{},
			),
		);
		expect(codeOf(outcome)).toBe('BUDGET_EXCEEDED');
		expect(outcome.error!.message).toMatch(/^The budget of \$5 \('Max USD per Job'\)/);
		expect(outcome.error!.description).toContain(ledger().submits[0].jobId);
		expect(ledger().submits).toHaveLength(1);
		expect(ledger().openJobs).toEqual([]);
	}, 30_000);

	test('is measured by the dearest GPU and all GPUs of the worker', async () => {
		account({
			gpus: [
				{ id: 'G', pool: 'ADA_24', price: 3600 },
				{ id: 'H', pool: 'ADA_24', price: 7200 },
			],
		});
		workerDoes({ runMs: 50 });
		await runNode(within({ runTimeoutS: 300, maxUsdPerJob: 20 }));
		expect(times()).toEqual([10_000]);
	});
});

describe('Max USD per Run', () => {
	test('stops submitting when the rest pays for no further job', async () => {
		workerDoes({ runMs: 1200 });
		const outcome = await runNode(within({ maxUsdPerRun: 7 }, 4));
		const refused = expect.stringMatching(
			/^The budget of \$7 \('Max USD per Run'\) would be exceeded: \$2\.\d+ for the jobs of this run \[item/,
		);
		expect(errors(outcome)).toEqual(['image', 'image', refused, refused]);
		expect(ledger().submits).toHaveLength(2);
	}, 30_000);

	test('sets aside what open jobs may cost: side by side only where all of them fit', async () => {
		workerDoes({ runMs: 300 });
		for (const [maxUsdPerRun, most] of [
			[7, 1],
			[40, 3],
		]) {
			const before = ledger().jobs.length;
			const outcome = await runNode(within({ maxUsdPerRun, maxParallelJobs: 3 }, 3));
			expect(errors(outcome)).toEqual(['image', 'image', 'image']);
			const jobs = ledger().jobs.slice(before);
			const open = jobs.map(
				({ submittedAt }) =>
					jobs.filter(
						(job) => job.submittedAt <= submittedAt && (job.finishedAt ?? 0) > submittedAt,
					).length,
			);
			expect(Math.max(...open)).toBe(most);
		}
	}, 30_000);

	test('jobs that nobody watches count with their whole time', async () => {
		workerDoes({ runMs: 50 });
		const setup = within({ maxUsdPerRun: 12 }, 3);
		setup.parameters.waitForResult = 'dontWait';
		const outcome = await runNode(setup);
		expect(ledger().submits).toHaveLength(2);
		expect(errors(outcome)[2]).toContain('$10 for the jobs of this run');
	});

	test('without Continue the node ends, and what was done is not cancelled', async () => {
		workerDoes({ runMs: 1200 });
		const outcome = await runNode(within({ maxUsdPerRun: 6 }, 3, {}));
		expect(codeOf(outcome)).toBe('BUDGET_EXCEEDED');
		expect(ledger().cancels).toEqual([]);
		expect(ledger().submits).toHaveLength(1);
	}, 30_000);

	test('Retry On Fail goes on with the same account', async () => {
		workerDoes({ runMs: 1200, error: 'JOB_FAILED: broken' });
		const settings = { retryOnFail: true, maxTries: 3, waitBetweenTries: 0 };
		const outcome = await runNode(within({ maxUsdPerRun: 6 }, 1, { settings }));
		expect(codeOf(outcome)).toBe('BUDGET_EXCEEDED');
		expect(ledger().submits).toHaveLength(1);
	}, 30_000);

	test('a submit whose outcome is unknown counts with its whole time', async () => {
		fault({ operation: 'run', times: 1, fault: { kind: 'cut', accepted: false } });
		const outcome = await runNode(within({ maxUsdPerRun: 9 }, 2));
		expect(errors(outcome)).toEqual([
			expect.stringContaining('may be running'),
			expect.stringContaining('$5 for the jobs of this run'),
		]);
	});
});

describe('a guard that cannot measure lets nothing through', () => {
	test.each(['catalog-gpus', 'serverless-get'] as const)(
		'%s is refused',
		async (operation) => {
			fault({ operation, fault: { kind: 'reply', status: 403 } });
			const outcome = await runNode(within({ maxUsdPerRun: 50 }, 1, {}));
			expect(outcome.error!.message).toBe(
				`'Max USD per Run' cannot be kept: the price of endpoint '${ENDPOINT}' is not known`,
			);
			expect(outcome.error!.description).toContain('Nothing was submitted.');
			expect(ledger().submits).toEqual([]);
		},
		20_000,
	);

	test('a reading that fails once is repeated', async () => {
		workerDoes({ runMs: 50 });
		fault({ operation: 'catalog-gpus', times: 1, fault: { kind: 'reply', status: 500 } });
		const { status } = await runNode(within({ maxUsdPerRun: 50 }, 1, {}));
		expect(status).toBe('success');
	}, 20_000);

	test('without a limit nothing is asked before the submit', async () => {
		fault({ operation: ['catalog-gpus', 'serverless-get'], fault: { kind: 'reply', status: 403 } });
		workerDoes({ runMs: 50 });
		const { status } = await runNode(within({}, 1, {}));
		expect(status).toBe('success');
	});
});
