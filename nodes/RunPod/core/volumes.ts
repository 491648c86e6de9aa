import { invalidInput } from './failure';
import { storageUsd } from './estimate';
import type { StorageRates } from './estimate';
import { listOf, numberOf, recordsOf, textOf } from './reading';
import { stockOf } from './catalog';
import { isRecord } from './state';

/** Network volumes, and the data centers that they lie in. */

export interface VolumeFacts {
	id: string;
	name: string;
	sizeGb: number;
	dataCenter: string;
	type?: string;
}

export function readVolume(body: unknown): VolumeFacts | undefined {
	if (!isRecord(body) || typeof body.id !== 'string') return undefined;
	return {
		id: body.id,
		name: textOf(body.name) ?? body.id,
		sizeGb: numberOf(body.size) ?? 0,
		dataCenter: textOf(body.dataCenter) ?? '',
		type: textOf(body.type),
	};
}

export const readVolumes = (body: unknown): VolumeFacts[] | undefined =>
	listOf(body, 'networkVolumes')?.flatMap((one) => readVolume(one) ?? []);

export function volumeItem(volume: VolumeFacts, rates: StorageRates): Record<string, unknown> {
	return {
		id: volume.id,
		name: volume.name,
		size_gb: volume.sizeGb,
		data_center: volume.dataCenter,
		type: volume.type ?? null,
		monthly_usd: storageUsd(volume.sizeGb, rates),
	};
}

/** Storage cannot be taken back: RunPod refuses a smaller size. */
export function checkGrows(now: VolumeFacts, sizeGb: number): void {
	if (sizeGb >= now.sizeGb) return;
	throw invalidInput(
		`'Size (GB)' must be at least ${now.sizeGb}, the size of volume '${now.name}', not ${sizeGb}: a volume can only grow.`,
	);
}

export interface DataCenterFacts {
	id: string;
	label: string;
}

/** The body of `GET /catalog/datacenters?include=GPU_AVAILABILITY`. */
export function readDataCenters(body: unknown): DataCenterFacts[] | undefined {
	return listOf(body, 'dataCenters')?.map((place) => {
		const id = String(place.id);
		const gpus = recordsOf(place.gpuAvailability);
		const inStock = gpus.filter(
			({ availability }) => stockOf({ availability: textOf(availability) }) > 0,
		);
		const stock =
			gpus.length === 0 ? '' : ` - ${inStock.length} of ${gpus.length} GPU types in stock`;
		const name = textOf(place.name);
		return { id, label: `${id}${name === undefined || name === id ? '' : ` (${name})`}${stock}` };
	});
}
