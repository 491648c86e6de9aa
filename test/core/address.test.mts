import {
	baseUrlOf,
	endpointIdOf,
	isPrivateHost,
	mayCarryToken,
	requestTimeoutMs,
} from '../../nodes/RunPod/core/address.ts';

const BARE = 'Endpoint ID must be the bare ID, without spaces or a URL.';

describe('the endpoint', () => {
	it.each<[unknown, string]>([
		['4m7x2k9q', '4m7x2k9q'],
		[{ mode: 'id', value: 'black-forest-labs-flux-1-schnell' }, 'black-forest-labs-flux-1-schnell'],
		[{ mode: 'list', value: 'a_B-9' }, 'a_B-9'],
		[{ mode: 'url', value: 'https://api.runpod.ai/v2/4m7x2k9q/run' }, '4m7x2k9q'],
		[{ mode: 'url', value: 'https://api.runpod.ai/v2/4m7x2k9q' }, '4m7x2k9q'],
		[{ mode: 'url', value: ' https://api.runpod.ai/v2/4m7x2k9q?x=1 ' }, '4m7x2k9q'],
		// n8n cuts it out itself where it evaluates the field.
		[{ mode: 'url', value: '4m7x2k9q' }, '4m7x2k9q'],
	])('%j is %s', (value, id) => expect(endpointIdOf(value)).toBe(id));

	it.each<[unknown, string]>([
		['https://api.runpod.ai/v2/4m7x2k9q/run', BARE],
		[' 4m7x2k9q', BARE],
		['a/../b', BARE],
		['a?b', BARE],
		[{ mode: 'url', value: 'https://api.runpod.ai/4m7x2k9q' }, BARE],
		['', "'Endpoint' must not be empty."],
		[{ mode: 'list', value: '' }, "'Endpoint' must not be empty."],
		[undefined, "'Endpoint' must not be empty."],
	])('%j is refused', (value, message) => expect(() => endpointIdOf(value)).toThrow(message));
});

describe('a base address', () => {
	it('loses its last slash and what stands behind', () => {
		expect(baseUrlOf(' https://a.example/x/ ', 'Worker URL')).toBe('https://a.example/x');
		expect(baseUrlOf('http://127.0.0.1:8000/?a=1#b', 'Worker URL')).toBe('http://127.0.0.1:8000');
	});
	it.each(['', 'worker', 'ftp://a', 'file:///etc/passwd', 'javascript:1', 5])(
		'%p is refused',
		(value) =>
			expect(() => baseUrlOf(value, 'Worker URL')).toThrow("'Worker URL' must be an address"),
	);
	it('carries no password', () =>
		expect(() => baseUrlOf('https://u:p@a', 'Worker URL')).toThrow('password'));
});

describe('the token goes', () => {
	const own = 'https://worker.example:8443/base';
	it.each<[string, boolean]>([
		['https://worker.example:8443/run', true],
		['https://worker.example/run', false],
		['http://worker.example:8443/run', false],
		['https://worker.example.evil.example:8443/run', false],
		['https://evil.example/?https://worker.example:8443', false],
		['https://worker.example:8443@evil.example/run', false],
		['https://abc123-8000.proxy.runpod.net/run', true],
		['http://abc123-8000.proxy.runpod.net/run', false],
		['https://abc123-8000.proxy.runpod.net:444/run', false],
		['https://abc123-8000.proxy.runpod.net.evil.example/run', false],
		['https://evil-abc123-8000.proxy.runpod.net/run', false],
		['https://proxy.runpod.net/run', false],
		['no address', false],
	])('to %s: %p', (url, may) => expect(mayCarryToken(url, own)).toBe(may));
});

describe('one request', () => {
	it('takes no longer than the proxy lets it, and at least 30 s', () => {
		expect(requestTimeoutMs('https://abc-8000.proxy.runpod.net/run', 120)).toBe(95_000);
		expect(requestTimeoutMs('https://api.runpod.ai/v2', 120)).toBe(120_000);
		expect(requestTimeoutMs('https://api.runpod.ai/v2', 3)).toBe(30_000);
	});
});

describe('a private place', () => {
	it.each([
		'http://localhost:8000',
		'http://x.localhost',
		'http://127.0.0.1',
		'http://2130706433/',
		'http://0x7f.1/',
		'http://10.1.2.3',
		'http://172.16.0.1',
		'http://192.168.1.1',
		'http://169.254.169.254/latest/meta-data',
		'http://100.64.0.1',
		'http://0.0.0.0',
		'http://[::1]',
		'http://[::]',
		'http://[fd00::1]',
		'http://[fe80::1]',
		'http://[::ffff:127.0.0.1]',
		'http://redis:6379',
		'http://metadata.google.internal',
		'no address',
	])('%s', (url) => expect(isPrivateHost(url)).toBe(true));

	it.each([
		'https://bucket.s3.amazonaws.com/x',
		'http://172.32.0.1',
		'https://8.8.8.8',
		'https://[2606:4700::1]',
	])('is not %s', (url) => expect(isPrivateHost(url)).toBe(false));
});
