/** Request bodies against schemas of our own, refused as the platform refuses them. */
import type { ErrorObject, ValidateFunction } from 'ajv';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { BODIES, type BodyName } from './schemas.mts';

const ajv = new Ajv2020({ allErrors: true, strict: true, strictRequired: false, allowUnionTypes: true });
const compiled = new Map<BodyName, ValidateFunction>();

/** What is wrong with the body, one text per failure; empty when it may pass. Defaults are not filled in. */
export function failuresOf(name: BodyName, body: unknown): string[] {
	let validate = compiled.get(name);
	if (validate === undefined) {
		validate = ajv.compile(BODIES[name]);
		compiled.set(name, validate);
	}
	return validate(body) ? [] : (validate.errors ?? []).map(text);
}

/** The text for an unknown field is documented; the others follow its manner. */
function text({ instancePath, keyword, params, message }: ErrorObject): string {
	const place = `$${instancePath.replaceAll('/', '.')}`;
	if (keyword === 'additionalProperties')
		return `${place}: additional properties '${String(params.additionalProperty)}' not allowed`;
	if (keyword === 'required')
		return `${place}: missing property '${String(params.missingProperty)}'`;
	if (keyword === 'enum')
		return `${place}: value must be one of ${(params.allowedValues as unknown[]).map((value) => `'${String(value)}'`).join(', ')}`;
	return `${place}: ${message ?? keyword}`;
}
