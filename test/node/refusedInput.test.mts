import { runNode } from './harness.mts';

const credentials = { runPodApi: { apiKey: 'rpa_test', jobBaseUrl: 'http://127.0.0.1:9/v2' } };

test('harness', async () => {
	const outcome = await runNode({
		parameters: {
			endpoint: { __rl: true, mode: 'id', value: 'abc' },
			prompt: '  ',
		},
		credentials,
	});
	console.log(outcome.status, outcome.error, outcome.items);
});
