import type {
	IDataObject,
	IExecuteFunctions,
	INodeExecutionData,
	INodeProperties,
} from 'n8n-workflow';

import { managementFields, managementLimits } from '../../contract/management';
import { bareIdOf } from '../../core/address';
import { JobFailure, failureOf } from '../../core/failure';
import { hasTag, isGone, readPod, readPods } from '../../core/pods';
import type { PodFacts } from '../../core/pods';
import { manageItems } from '../../run/manageItems';
import type { Plane } from '../../run/plane';
import { Values, podField, shownIf } from '../managedFields';

const show = { resource: ['pod'], operation: ['terminate'] };
const own = managementFields.pod;
const limits = managementLimits.pod;
const one = { ...show, terminateScope: ['one'] };

export const fields: INodeProperties[] = [
	...shownIf(show, [
		{
			...own.terminateScope,
			options: [
				{ name: 'One Pod', value: 'one', description: 'The one that is chosen' },
				{
					name: 'All Pods with Tag',
					value: 'tag',
					description: 'Every Pod whose name begins with the tag',
				},
			],
		},
	]),
	podField(one),
	...shownIf(show, [own.nameTag]),
	...shownIf(one, [own.allowUntagged]),
	...shownIf(show, [own.dryRun]),
];

async function end(plane: Plane, pod: PodFacts, dryRun: boolean): Promise<IDataObject> {
	const subject = { what: 'Pod', id: pod.id, to: 'terminate Pods' };
	const wasThere = dryRun || (await plane.remove(`pods/${pod.id}`, subject));
	return {
		id: pod.id,
		name: pod.name,
		terminated: !dryRun,
		was_gone: !wasThere,
		dry_run: dryRun,
		cost_per_hour: pod.cost ?? null,
	};
}

/** Ends Pods for good: what is named, or all of a tag, never a wider choice. */
export async function execute(this: IExecuteFunctions): Promise<INodeExecutionData[][]> {
	return await manageItems.call(this, (itemIndex) => {
		const values = new Values(this, itemIndex);
		const tag = values.text(limits.nameTag);
		const dryRun = values.isOn(limits.dryRun);
		if (values.text(limits.terminateScope) === 'tag') {
			return async (plane) => {
				const pods = await plane.list('pods', 'pods', { what: 'Pod', to: 'list Pods' });
				const mine = (readPods({ pods }) ?? []).filter((pod) => hasTag(pod, tag) && !isGone(pod));
				const items: IDataObject[] = [];
				for (const pod of mine) items.push(await end(plane, pod, dryRun));
				return items;
			};
		}
		const id = bareIdOf(values.raw('pod'), 'Pod');
		const mayBeForeign = values.isOn(limits.allowUntagged);
		return async (plane) => {
			const subject = { what: 'Pod', id, to: 'read Pods' };
			const pod = readPod(await plane.find(`pods/${id}`, subject));
			if (pod === undefined) {
				// Gone already is what was wanted.
				const gone = { terminated: !dryRun, was_gone: true, dry_run: dryRun, cost_per_hour: null };
				return { id, name: null, ...gone };
			}
			if (!mayBeForeign && !hasTag(pod, tag)) {
				const details = { pod_id: id, tag };
				throw new JobFailure(failureOf('POD_NOT_TAGGED', { pod: pod.name, tag }, { details }));
			}
			return await end(plane, pod, dryRun);
		};
	});
}
