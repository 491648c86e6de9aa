import { invalidInput } from './failure';
import { listOf, numberOf, recordOf, textOf } from './reading';

/** RunPod's bills, summed up. */

export type BillingScope = 'all' | 'networkVolumes' | 'pods' | 'serverless';

const PATHS: Readonly<Record<BillingScope, string>> = {
	all: 'billing',
	networkVolumes: 'billing/network-volumes',
	pods: 'billing/pods',
	serverless: 'billing/serverless',
};

export interface BillingQuestion {
	scope: BillingScope;
	startTime?: string;
	endTime?: string;
	bucketSize: string;
	/** Serverless alone; empty for all. */
	endpointId: string;
}

/** A time of a field as RFC 3339. Without a zone it is UTC: the clock of the server is nobody's. */
export function timeOf(given: unknown, label: string): string | undefined {
	const text = String(given ?? '').trim();
	if (text === '') return undefined;
	const isZoned = /(Z|[+-]\d\d:?\d\d)$/i.test(text) || !/\d:\d\d/.test(text);
	const time = Date.parse(isZoned ? text : `${text.replace(' ', 'T')}Z`);
	if (Number.isNaN(time)) throw invalidInput(`'${label}' must be a time, not '${text}'.`);
	return new Date(time).toISOString();
}

export function billingPath(question: BillingQuestion): string {
	const { scope, startTime, endTime, bucketSize, endpointId } = question;
	if (endpointId !== '' && scope !== 'serverless') {
		throw invalidInput("'Endpoint ID' needs 'Costs Of' to be Serverless.");
	}
	if (startTime !== undefined && endTime !== undefined && startTime >= endTime) {
		throw invalidInput(`'Start' (${startTime}) must be before 'End' (${endTime}).`);
	}
	const query = new URLSearchParams();
	if (startTime !== undefined) query.set('startTime', startTime);
	if (endTime !== undefined) query.set('endTime', endTime);
	query.set('bucketSize', bucketSize);
	if (endpointId !== '') query.set('serverlessId', endpointId);
	return `${PATHS[scope]}?${query.toString()}`;
}

const cents = (value: number): number => Number(value.toFixed(6));

/** Sums of every amount of the records. */
function sumsOf(records: Array<Record<string, unknown>>): Record<string, number> {
	const sums: Record<string, number> = {};
	for (const record of records) {
		for (const [name, value] of Object.entries(record)) {
			if (name.endsWith('Amount')) sums[name] = cents((sums[name] ?? 0) + (numberOf(value) ?? 0));
		}
	}
	return sums;
}

/**
 * The item of a bill. The platform ignores a filter that it does not know, so the records are
 * filtered here once more; undefined where the answer has no records.
 */
export function billingItem(
	body: unknown,
	question: BillingQuestion,
): Record<string, unknown> | undefined {
	const all = listOf(body, 'records');
	if (all === undefined) return undefined;
	const { scope, endpointId } = question;
	const records = endpointId === '' ? all : all.filter((one) => one.serverlessId === endpointId);
	const told = recordOf(recordOf(recordOf(body).metadata).totals);
	const isWhole = records.length === all.length && 'totalAmount' in told;
	const totals = isWhole ? told : sumsOf(records);
	const times = (name: string) => records.flatMap((one) => textOf(one[name]) ?? []).sort();
	return {
		scope,
		total_usd: numberOf(totals.totalAmount) ?? 0,
		totals,
		record_count: records.length,
		start_time: times('startTime')[0] ?? null,
		end_time: times('endTime').at(-1) ?? null,
		records,
	};
}
