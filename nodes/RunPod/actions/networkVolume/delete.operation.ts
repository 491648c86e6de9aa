import type { IExecuteFunctions, INodeExecutionData, INodeProperties } from 'n8n-workflow';

import { bareIdOf } from '../../core/address';
import { manageItems } from '../../run/manageItems';
import { Values, volumeField } from '../managedFields';

const show = { resource: ['networkVolume'], operation: ['delete'] };

export const fields: INodeProperties[] = [volumeField(show)];

/** Deletes the named volume and all that lies on it. */
export async function execute(this: IExecuteFunctions): Promise<INodeExecutionData[][]> {
	return await manageItems.call(this, (itemIndex) => {
		const id = bareIdOf(new Values(this, itemIndex).raw('networkVolume'), 'Network Volume');
		const subject = { what: 'Network volume', id, to: 'delete network volumes' };
		return async (plane) => {
			const wasThere = await plane.remove(`network-volumes/${id}`, subject);
			return { deleted: true, id, was_gone: !wasThere };
		};
	});
}
