import type { IExecuteFunctions, INodeExecutionData, INodeProperties } from 'n8n-workflow';

import { managementFields, managementLimits } from '../../contract/management';
import { bareIdOf } from '../../core/address';
import { readPodSpec } from '../../core/podSpec';
import type { PodSpec } from '../../core/podSpec';
import { checkWish } from '../../core/podWish';
import type { PodWish } from '../../core/podWish';
import { wordsOf } from '../../core/reading';
import { checked } from '../../core/request';
import { isRecord } from '../../core/state';
import { PodMaker } from '../../run/createPod';
import { manageItems } from '../../run/manageItems';
import { workerToken } from '../../transport/managementApi';
import {
	Values,
	choices,
	collection,
	environmentField,
	environmentOf,
	shownIf,
	volumeField,
} from '../managedFields';
import { readyFields, readyOptions } from './podFields';

const show = { resource: ['pod'], operation: ['create'] };
const own = managementFields.pod;
const limits = managementLimits.pod;

export const fields: INodeProperties[] = [
	...shownIf(show, [
		own.name,
		own.nameTag,
		{ ...own.ownerKey, placeholder: 'e.g. user-42' },
		own.image,
		own.templateId,
		{
			...choices(limits.gpuTypes.label, 'gpuTypes', 'getPodGpus'),
			default: ['NVIDIA RTX A4000'],
		},
		own.gpuCount,
		own.cloud,
		own.containerDiskGb,
		own.volumeDiskGb,
	]),
	volumeField(show, false),
	...shownIf(show, [own.ports, own.port, environmentField, own.waitUntilReady]),
	...readyFields({ ...show, waitUntilReady: [true] }, own.onTimeout),
	collection('Options', 'podOptions', show, [
		own.cudaVersions,
		choices(limits.dataCenters.label, 'dataCenters', 'getDataCenters'),
		own.failureBackoffS,
		own.gpuOrder,
		own.maxPods,
		own.maxTries,
		{
			displayName: limits.podSpec.label,
			name: 'podSpec',
			type: 'json',
			default: '',
			description:
				"Settings that win over the fields: RunPod's names of API v2 or v1, or the keys of the gateway's configuration file",
		},
		own.args,
		own.startJupyter,
		own.startSsh,
	]),
];

function wishOf(values: Values, { wish }: PodSpec): PodWish {
	const more = values.collection('podOptions');
	const volume = values.raw('networkVolume');
	const volumeId = isRecord(volume) ? volume.value : volume;
	const form: PodWish = {
		tag: values.text(limits.nameTag),
		ownerKey: values.text(limits.ownerKey),
		name: values.text(limits.name),
		image: values.text(limits.image),
		templateId: values.text(limits.templateId),
		gpuTypes: values.list(limits.gpuTypes),
		gpuOrder: values.text(limits.gpuOrder, more),
		gpuCount: values.number(limits.gpuCount),
		cloud: values.text(limits.cloud),
		containerDiskGb: values.number(limits.containerDiskGb),
		volumeDiskGb: values.number(limits.volumeDiskGb),
		networkVolume: volumeId ? bareIdOf(volume, limits.networkVolume.label) : '',
		mountPath: '/workspace',
		dataCenters: values.list(limits.dataCenters, more),
		ports: wordsOf(values.text(limits.ports)),
		env: environmentOf(values.raw('environment')) ?? {},
		args: values.text(limits.args, more),
		cudaVersions: wordsOf(values.text(limits.cudaVersions, more)),
		minCudaVersion: '',
		registry: '',
		globalNetworking: false,
		startSsh: values.isOn(limits.startSsh, more),
		startJupyter: values.isOn(limits.startJupyter, more),
	};
	const merged = { ...form, ...wish, env: { ...form.env, ...wish.env } };
	checked(limits.nameTag, merged.tag);
	checkWish(merged);
	return merged;
}

/** Gets the owner's Pod: the one that is there, or a new one that is proved to work. */
export async function execute(this: IExecuteFunctions): Promise<INodeExecutionData[][]> {
	return await manageItems.call(this, (itemIndex) => {
		const values = new Values(this, itemIndex);
		const more = values.collection('podOptions');
		const spec = readPodSpec(more.podSpec);
		const wish = wishOf(values, spec);
		const { settings } = spec;
		const given = readyOptions(values, limits.onTimeout);
		const ready = {
			...given,
			port: Number(checked(limits.port, settings.port ?? given.port)),
			timeoutS: Number(checked(limits.readyTimeoutS, settings.readyTimeoutS ?? given.timeoutS)),
			pollS: Number(checked(limits.pollS, settings.pollS ?? given.pollS)),
		};
		const options = {
			maxPods: Number(checked(limits.maxPods, settings.maxPods ?? more.maxPods)),
			maxTries: values.number(limits.maxTries, more),
			failureBackoffS: Number(
				checked(limits.failureBackoffS, settings.failureBackoffS ?? more.failureBackoffS),
			),
			wait: values.isOn(limits.waitUntilReady),
			ready,
		};
		return async (plane) => {
			if (spec.elsewhere.length > 0) {
				plane.hints.add(
					`'Pod Spec (JSON)' has ${spec.elsewhere.join(', ')}: Pod > Terminate Idle and Get Metrics have fields for them.`,
				);
			}
			// The worker in the Pod asks for the token that the node will send.
			const token = 'AUTH_TOKEN' in wish.env ? undefined : await workerToken(this);
			const env = token === undefined ? wish.env : { ...wish.env, AUTH_TOKEN: token };
			return await new PodMaker(plane, { ...wish, env }, options).run();
		};
	});
}
