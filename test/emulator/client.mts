/** The client of the emulator's tests: axios, every status is an answer, bodies as they come. */
import axios, { type AxiosInstance, type AxiosResponse } from 'axios';
import {
	DEFAULT_KEY,
	startEmulator,
	type EmulatorOptions,
	type RunningEmulator,
} from '../../emulator/server.mts';

export const ENDPOINT = 'ep-test';

// Generous: the machine may be busy, and nothing here measures real time.
jest.setTimeout(60_000);

export interface Bench extends RunningEmulator {
	/** Job plane of the test endpoint, with the key. */
	api: AxiosInstance;
	/** Control API. */
	admin: AxiosInstance;
	/** Submits with /run and gives the id. */
	run: (input?: object, more?: object) => Promise<string>;
	status: (id: string) => Promise<AxiosResponse>;
}

const open = running();

/** Emulators of this file; all are closed after its tests. */
function running(): RunningEmulator[] {
	const list: RunningEmulator[] = [];
	afterAll(() => Promise.all(list.map((emulator) => emulator.close())));
	return list;
}

export async function start(options: EmulatorOptions = {}): Promise<Bench> {
	const emulator = await startEmulator({
		clock: 'fake',
		endpoints: [{ id: ENDPOINT }],
		...options,
	});
	open.push(emulator);
	const any = { validateStatus: () => true, proxy: false as const };
	const api = axios.create({
		...any,
		baseURL: `${emulator.url}/v2/${ENDPOINT}`,
		headers: { authorization: `Bearer ${DEFAULT_KEY}` },
	});
	return {
		...emulator,
		api,
		admin: axios.create({ ...any, baseURL: `${emulator.url}/_control` }),
		run: async (input = { prompt: 'a cat' }, more = {}) =>
			(await api.post('/run', { input, ...more })).data.id,
		status: (id) => api.get(`/status/${id}`),
	};
}

/** Waits in real time until `read` gives a value. */
export async function eventually<T>(
	read: () => Promise<T | undefined> | T | undefined,
	what: string,
): Promise<T> {
	const end = Date.now() + 90_000;
	for (;;) {
		const value = await read();
		if (value !== undefined) return value;
		if (Date.now() > end) throw new Error(`Did not happen within 90 s: ${what}`);
		await new Promise((resolve) => setTimeout(resolve, 50));
	}
}
