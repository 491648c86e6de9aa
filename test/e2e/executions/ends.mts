/** Timeout of the workflow, Retry On Fail, and the error output, also that of a job on a Pod. */
import { itemsOf } from '../../../scripts/running/examples.mts';
import { savePodToken } from '../realPods.mts';
import { pictureAfter, seenOf } from '../scripted.mts';
import type { Scripted } from '../scripted.mts';
import { until } from '../until.mts';
import { chain, endPod, keep, manual, newPod, onPod, prompts, runPod, RUNPOD, to } from '../workflows.mts';

export function ends(stand: Scripted): void {
	it('the timeout of the workflow cancels its job on the platform', async () => {
		const { emulator, credential } = stand;
		pictureAfter(emulator, 'too long', 600_000);
		const nodes = [manual(), runPod(credential, { prompt: 'too long' })];
		const id = await stand.start(chain('Timeout', nodes, { executionTimeout: 3 }));
		await until('the job is cancelled', () => seenOf(emulator, 'too long').states[0] === 'CANCELLED');
		const execution = await stand.finished(id);
		expect(execution.status).toBe('canceled');
		const seen = seenOf(emulator, 'too long');
		expect(seen.cancels).toMatchObject([{ changed: true }]);
		expect(seen.submits).toHaveLength(1);
		expect(execution.customData).toEqual({ runpodJobId: seen.jobIds[0] });
	});

	it('Retry On Fail takes up the job that was paid for', async () => {
		const { emulator, credential } = stand;
		pictureAfter(emulator, 'again', 5000);
		// A look that fails for good ends the first try, with the job running.
		emulator.control.addFault({
			operation: 'status',
			match: { input: { prompt: 'again' } },
			times: 1,
			fault: { kind: 'reply', status: 403, body: { error: 'for a moment' } },
		});
		const settings = { retryOnFail: true, maxTries: 3, waitBetweenTries: 500 };
		const id = await stand.start(chain('Retry', [manual(), runPod(credential, { prompt: 'again' }, settings)]));
		await until('the second try looks', () => seenOf(emulator, 'again').reads.filter(({ state }) => state).length > 1);
		expect(seenOf(emulator, 'again').reads[0].status).toBe(403);
		await emulator.control.advance(5000);
		const execution = await stand.finished(id);
		expect(execution.error).toBeUndefined();
		expect(execution.status).toBe('success');
		expect(itemsOf(execution, RUNPOD)).toMatchObject([{ json: { prompt: 'again' } }]);
		const { submits, jobIds, cancels } = seenOf(emulator, 'again');
		expect(submits).toHaveLength(1);
		expect(cancels).toEqual([]);
		expect(execution.customData).toEqual({ runpodJobId: jobIds[0] });
	});

	it('the error output gets the failed item with its job ID, the others go on', async () => {
		const { emulator, credential } = stand;
		pictureAfter(emulator, 'good', 0);
		pictureAfter(emulator, 'fine', 0);
		emulator.control.addScript({
			match: { input: { prompt: 'bad' } },
			script: { error: 'OUT_OF_MEMORY: too large for this GPU' },
		});
		const workflow = chain('Error output', [
			manual(),
			...prompts('good', 'bad', 'fine'),
			runPod(credential, {}, { onError: 'continueErrorOutput' }),
			keep('Worked', '$("Each").item.json.prompt'),
		]);
		const failed = keep('Failed', '[$("Each").item.json.prompt, $json.error, $json.details.code, $json.details.job_id]');
		workflow.nodes.push(failed);
		workflow.connections[RUNPOD] = { main: [to('Worked'), to('Failed')] };
		const execution = await stand.finished(await stand.start(workflow));
		expect(execution.status).toBe('success');
		expect(itemsOf(execution, 'Worked').map(({ json }) => json.kept)).toEqual(['good', 'fine']);
		const [jobId] = seenOf(emulator, 'bad').jobIds;
		const message = expect.stringContaining('too large for this GPU');
		expect(itemsOf(execution, 'Failed').map(({ json }) => json.kept)).toEqual([['bad', message, 'OUT_OF_MEMORY', jobId]]);
	});

	it('the error output reaches the node that terminates the Pod', async () => {
		const { emulator, client, credential } = stand;
		// Its application is healthy, but no worker: every job is answered with 404.
		emulator.control.addPodScript({ times: 1, script: { provisionMs: 0, startMs: 0 } });
		const access = { runPodApi: credential, runPodWorkerApi: (await savePodToken(client, emulator)).id };
		const workflow = chain('Failing on a Pod', [
			manual(),
			newPod('failing', access),
			onPod({ prompt: 'nobody' }, access, { onError: 'continueErrorOutput' }),
			endPod(access),
		]);
		workflow.connections[RUNPOD] = { main: [to('End'), to('End')] };
		const execution = await stand.finished(await stand.start(workflow));
		expect(execution.status).toBe('success');
		expect(itemsOf(execution, RUNPOD)).toMatchObject([{ json: { details: { http_status: 404 } } }]);
		expect(itemsOf(execution, 'End')).toMatchObject([{ json: { terminated: true, was_gone: false } }]);
		expect(emulator.control.snapshot().openPods).toEqual([]);
	});
}
