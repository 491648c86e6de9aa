/** `npx tsx emulator/main.mts --port 0 [--clock fake] [--endpoint id]... [--key rpa_...]`: the emulator as a process. */
import { parseArgs } from 'node:util';
import { startEmulator } from './server.mts';

const { values } = parseArgs({
	options: {
		port: { type: 'string', default: '0' },
		clock: { type: 'string', default: 'real' },
		endpoint: { type: 'string', multiple: true, default: [] },
		key: { type: 'string', multiple: true },
	},
});
if (values.clock !== 'real' && values.clock !== 'fake') throw new Error('--clock is real or fake.');

const emulator = await startEmulator({
	port: Number(values.port),
	clock: values.clock,
	endpoints: values.endpoint.map((id) => ({ id })),
	keys: values.key?.map((key) => ({ key })),
});
process.stdout.write(`emulator on ${emulator.url}\n`);

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
	process.once(signal, () => {
		void emulator.close().then(() => process.exit(0));
	});
}
