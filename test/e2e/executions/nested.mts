/** Our node in a sub-workflow that another workflow calls. */
import { itemsOf } from '../../../scripts/running/examples.mts';
import { pictureAfter, seenOf } from '../scripted.mts';
import type { Scripted } from '../scripted.mts';
import { until } from '../until.mts';
import { chain, keep, manual, node, prompts, runPod } from '../workflows.mts';

export function nested(stand: Scripted): void {
	/** A parent whose prompts are made into pictures by a workflow of their own. */
	async function parent(parameters: Record<string, unknown>, ...all: string[]) {
		const trigger = node('Called', 'n8n-nodes-base.executeWorkflowTrigger', 1.1, { inputSource: 'passthrough' });
		const child = await stand.client.createWorkflow(chain('Pictures', [trigger, runPod(stand.credential, parameters)]));
		await stand.client.activate(child);
		const call = node('Call', 'n8n-nodes-base.executeWorkflow', 1.2, {
			workflowId: { __rl: true, mode: 'id', value: child.id },
		});
		const behind = keep('After', '[$json.prompt, $json.files[0].mimeType]');
		return { child: child.id, workflow: chain('Parent', [manual(), ...prompts(...all), call, behind]) };
	}

	it('hands its pictures to the workflow that called it', async () => {
		for (const prompt of ['one', 'two']) pictureAfter(stand.emulator, prompt, 0);
		const { workflow } = await parent({}, 'one', 'two');
		const execution = await stand.finished(await stand.start(workflow));
		expect(execution.error).toBeUndefined();
		expect(itemsOf(execution, 'After').map(({ json }) => json.kept)).toEqual([
			['one', 'image/png'],
			['two', 'image/png'],
		]);
		expect(itemsOf(execution, 'Call').every(({ binary }) => binary?.data !== undefined)).toBe(true);
	});

	it('that is parked lets its parent wait, too', async () => {
		pictureAfter(stand.emulator, 'parked child', 5000);
		const { workflow } = await parent({ waitForResult: 'callback' }, 'parked child');
		const id = await stand.start(workflow);
		await until('the parent waits', async () => (await stand.client.execution(id)).status === 'waiting');
		await stand.emulator.control.advance(5000);
		const execution = await stand.finished(id);
		expect(execution.error).toBeUndefined();
		expect(itemsOf(execution, 'After').map(({ json }) => json.kept)).toEqual([['parked child', 'image/png']]);
		expect(seenOf(stand.emulator, 'parked child').submits).toHaveLength(1);
	});

	it('is not reached by Stop of its parent; Stop of its own execution cancels the job', async () => {
		const { client, emulator } = stand;
		pictureAfter(emulator, 'stopped child', 60_000);
		const { child, workflow } = await parent({}, 'stopped child');
		const id = await stand.start(workflow);
		await until('the sub-workflow polls', () => seenOf(emulator, 'stopped child').reads.length > 1);
		await client.stop(id);
		expect((await stand.finished(id)).status).toBe('canceled');
		// n8n stops the parent alone. Were that to change, the docs would have to say so.
		const { length } = seenOf(emulator, 'stopped child').reads;
		await until('it polls on', () => seenOf(emulator, 'stopped child').reads.length > length + 1);
		const [{ id: childId, status }] = await client.executionsOf(child);
		expect(status).toBe('running');
		await client.stop(childId);
		await until('the job is cancelled', () => seenOf(emulator, 'stopped child').states[0] === 'CANCELLED');
		expect(seenOf(emulator, 'stopped child').cancels).toMatchObject([{ changed: true }]);
		expect((await stand.finished(childId)).status).toBe('canceled');
	});
}
