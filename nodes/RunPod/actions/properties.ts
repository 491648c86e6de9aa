import type { INodeProperties } from 'n8n-workflow';

import * as caption from './caption';
import * as image from './image';
import * as job from './job';
import { managedOperations, managedProperties, managedResources } from './managed';
import { targetFields } from './runFields';

/** A resource of the management API runs no job. */
function withoutManaged(field: INodeProperties): INodeProperties {
	const { displayOptions } = field;
	const hide = { ...displayOptions?.hide, resource: managedResources };
	return { ...field, displayOptions: { ...displayOptions, hide } };
}

/** The form from top to bottom: what to do, where, and the fields of the chosen operation. */
export const properties: INodeProperties[] = [
	{
		displayName: 'Resource',
		name: 'resource',
		type: 'options',
		noDataExpression: true,
		options: [
			{ name: 'Billing', value: 'billing' },
			{ name: 'Caption', value: 'caption' },
			{ name: 'Endpoint', value: 'endpoint' },
			{ name: 'GPU Type', value: 'gpuType' },
			{ name: 'Image', value: 'image' },
			{ name: 'Job', value: 'job' },
			{ name: 'Network Volume', value: 'networkVolume' },
			{ name: 'Pod', value: 'pod' },
		],
		default: 'image',
	},
	caption.operations,
	image.operations,
	job.operations,
	...managedOperations,
	...targetFields.map(withoutManaged),
	...caption.generate.fields,
	...caption.getModels.fields,
	...image.generate.fields,
	...image.score.fields,
	...image.upscale.fields,
	...job.cancel.fields,
	...job.pollStatus.fields,
	...job.retry.fields,
	...job.run.fields,
	...managedProperties,
];
