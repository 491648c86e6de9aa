import type { INodeProperties } from 'n8n-workflow';

import * as caption from './caption';
import * as image from './image';
import * as job from './job';
import { targetFields } from './runFields';

/** The form from top to bottom: what to do, where, and the fields of the chosen operation. */
export const properties: INodeProperties[] = [
	{
		displayName: 'Resource',
		name: 'resource',
		type: 'options',
		noDataExpression: true,
		options: [
			{ name: 'Caption', value: 'caption' },
			{ name: 'Image', value: 'image' },
			{ name: 'Job', value: 'job' },
		],
		default: 'image',
	},
	caption.operations,
	image.operations,
	job.operations,
	...targetFields,
	...caption.generate.fields,
	...image.generate.fields,
	...image.score.fields,
	...image.upscale.fields,
	...job.cancel.fields,
	...job.pollStatus.fields,
	...job.retry.fields,
	...job.run.fields,
];
