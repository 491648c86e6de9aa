import type { INodeProperties } from 'n8n-workflow';

import { settingFields } from '../contract/fields';

/** Other limits than the usual ones, and smaller files, in the options of an operation on images. */
export const sourceOptions: INodeProperties[] = [
	settingFields.maxImageMb,
	settingFields.maxImages,
	settingFields.reencodeJpeg,
];

/** Where the images come from that an operation works on; `run/inputs.ts` reads these fields. */
export function sourceFields(show: Record<string, string[]>): INodeProperties[] {
	const when = (imageSource: string) => ({ show: { ...show, imageSource: [imageSource] } });
	return [
		{
			...settingFields.imageSource,
			options: [
				{
					name: 'Binary Fields',
					value: 'binary',
					description: 'Files that the input item carries',
				},
				{ name: 'URLs', value: 'url', description: 'Files that n8n fetches from addresses' },
				{ name: 'Base64', value: 'base64', description: 'Files as text, e.g. from an expression' },
			],
			displayOptions: { show },
		},
		{ ...settingFields.inputField, required: true, displayOptions: when('binary') },
		{ ...settingFields.imageUrls, required: true, displayOptions: when('url') },
		{ ...settingFields.imageBase64, required: true, displayOptions: when('base64') },
	];
}
