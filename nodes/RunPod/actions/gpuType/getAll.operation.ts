import type {
	IDataObject,
	IExecuteFunctions,
	INodeExecutionData,
	INodeProperties,
} from 'n8n-workflow';

import { managementFields, managementLimits } from '../../contract/management';
import { catalogPath, filterGpus, fitsOf, gpuLabel, readCatalog } from '../../core/catalog';
import type { CatalogGpu, Product } from '../../core/catalog';
import { estimateOf } from '../../core/estimate';
import type { Workload } from '../../core/estimate';
import { manageItems } from '../../run/manageItems';
import { Values, pageFields, shownIf } from '../managedFields';

const show = { resource: ['gpuType'], operation: ['getAll'] };
const own = managementFields.gpuType;
const rates = managementFields.networkVolume;
const limits = managementLimits.gpuType;

/** Prices per job and per GB are far below a cent. */
const fine = (field: INodeProperties): INodeProperties => ({
	...field,
	typeOptions: { ...field.typeOptions, numberPrecision: 6 },
});

export const fields: INodeProperties[] = [
	...shownIf(show, [own.product, own.minMemoryGb, own.dataCenter, own.onlyInStock]),
	...pageFields(show),
	...shownIf(show, [own.addCostEstimate]),
	...shownIf({ ...show, addCostEstimate: [true] }, [
		own.secondsPerJob,
		own.jobsPerMonth,
		own.idleSecondsPerJob,
		own.storageGb,
		fine(own.comparePricePerJob),
		fine(rates.pricePerGb),
		fine(rates.pricePerGbAbove),
	]),
];

function workloadOf(values: Values): Workload {
	return {
		secondsPerJob: values.number(limits.secondsPerJob),
		jobsPerMonth: values.number(limits.jobsPerMonth),
		idleSecondsPerJob: values.number(limits.idleSecondsPerJob),
		storageGb: values.number(limits.storageGb),
		comparePricePerJob: values.number(limits.comparePricePerJob),
		rates: {
			perGb: values.number(managementLimits.networkVolume.pricePerGb),
			perGbAbove: values.number(managementLimits.networkVolume.pricePerGbAbove),
		},
	};
}

function itemOf(gpu: CatalogGpu, product: Product): IDataObject {
	const { price } = gpu;
	return {
		id: gpu.id,
		name: gpu.name,
		label: gpuLabel(gpu, product),
		pool: gpu.pool ?? null,
		memory: gpu.memory ?? null,
		price: {
			secure: price.secure ?? null,
			community: price.community ?? null,
			serverless: price.serverless ?? null,
		},
		availability: gpu.availability ?? null,
		dataCenters: gpu.dataCenters.map(({ id, availability }) => ({
			id,
			availability: availability ?? null,
		})),
		fits: fitsOf(gpu.memory),
	};
}

const subject = { what: 'GPU type', to: 'read the catalog of GPU types' };

/** GPU types with memory, price and stock of the moment, and what jobs would cost on them. */
export async function execute(this: IExecuteFunctions): Promise<INodeExecutionData[][]> {
	return await manageItems.call(this, (itemIndex) => {
		const values = new Values(this, itemIndex);
		const product: Product = values.text(limits.product) === 'POD' ? 'POD' : 'SERVERLESS';
		const filter = {
			minMemory: values.number(limits.minMemoryGb),
			dataCenter: values.text(limits.dataCenter),
			onlyInStock: values.isOn(limits.onlyInStock),
		};
		const work = values.isOn(limits.addCostEstimate) ? workloadOf(values) : undefined;
		return async (plane) => {
			const list = await plane.list(catalogPath(product), 'gpus', subject);
			const gpus = readCatalog({ gpus: list }) ?? [];
			return values.page(filterGpus(gpus, filter)).map((gpu) => ({
				...itemOf(gpu, product),
				...(work === undefined ? {} : { ...estimateOf(gpu, work) }),
			}));
		};
	});
}
