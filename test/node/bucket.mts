/** A real S3 server per test file, with one bucket; it takes no request without a valid signature. */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { ICredentialDataDecryptedObject } from 'n8n-workflow';

const python = process.env.STUDIO_PYTHON;
export const BUCKET = 'pictures';

/** Tests with a bucket need the worker's Python, which brings the server. */
export const describeWithBucket = python === undefined ? describe.skip : describe;

let server: ChildProcess;
let told: { url: string; id: string; secret: string };

export function useBucket(): void {
	beforeAll(async () => {
		server = spawn(python ?? '', ['-u', join(__dirname, 's3.py'), BUCKET], {
			stdio: ['pipe', 'pipe', 'inherit'],
		});
		const [line] = (await once(createInterface(server.stdout!), 'line')) as [string];
		told = JSON.parse(line) as typeof told;
	}, 60_000);
	afterAll(async () => {
		server.stdin!.end();
		if (server.exitCode === null) await once(server, 'exit');
	});
}

/** What a user types into the credential. */
export const storageCredential = (
	more: ICredentialDataDecryptedObject = {},
): ICredentialDataDecryptedObject => ({
	endpointUrl: told.url,
	bucket: BUCKET,
	accessKeyId: told.id,
	secretAccessKey: told.secret,
	...more,
});

export const storageKeys = () => ({ id: told.id, secret: told.secret });
export const storageUrl = (): string => told.url;
