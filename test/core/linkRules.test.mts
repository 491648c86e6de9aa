/** Where links of results may lead. */
import { hostOf, hostsNamedBy, linkRefusal } from '../../nodes/RunPod/core/links.ts';

const RUNPOD = 'https://api.runpod.ai/v2/e';
const MACHINE = 'http://127.0.0.1:8000';
const link = 'https://pictures.example.com/a.png?X-Amz-Signature=1';

const refusal = (
	target: string,
	more: { from?: string; baseUrl?: string; output?: unknown } = {},
) =>
	linkRefusal({
		target,
		link: more.from ?? link,
		named: hostsNamedBy(more.output ?? { image: more.from ?? link }),
		baseUrl: more.baseUrl ?? RUNPOD,
	});

test.each([
	['the link itself', link],
	['another path of its host', 'https://pictures.example.com/b.png'],
	['the host with a dot at its end', 'https://pictures.example.com./a.png'],
	['the host in other letters', 'https://PICTURES.example.com/a.png'],
	['the usual port, written out', 'https://pictures.example.com:443/a.png'],
])('%s is gone to', (_name, target) => {
	expect(refusal(target)).toBeUndefined();
});

test.each([
	['another host', 'https://evil.example.com/a.png', 'redirected to evil.example.com, a host'],
	['a host that only ends alike', 'https://x.pictures.example.com/a', 'does not name'],
	['another port', 'https://pictures.example.com:8443/a.png', 'does not name'],
	['plain http', 'http://pictures.example.com/a.png', 'from https to http'],
	['a file', 'file:///etc/passwd', 'no address of the web'],
	['no address', 'nothing', 'no address of the web'],
	['this machine', 'http://127.0.0.1/a.png', 'private network'],
	['the metadata of a cloud', 'http://169.254.169.254/latest', 'private network'],
])('%s is not', (_name, target, says) => {
	expect(refusal(target)).toContain(says);
});

test('another host is gone to where the reply names it, too', () => {
	const output = { images: [{ image: link }], meta: { mirrors: ['https://cdn.example.net/x'] } };
	expect(refusal('https://cdn.example.net/a.png', { output })).toBeUndefined();
});

test('a private host is gone to for a private worker, as far as its reply names it', () => {
	const from = 'http://192.168.1.5:9000/bucket/a.png';
	expect(refusal(from, { from })).toContain('private network');
	expect(refusal(from, { from, baseUrl: MACHINE })).toBeUndefined();
	expect(refusal('http://192.168.1.1/', { from, baseUrl: MACHINE })).toContain('does not name');
});

test('the host of the link itself counts, also where the node has made the link', () => {
	const made = { target: link, link, named: new Set<string>(), baseUrl: RUNPOD };
	expect(linkRefusal(made)).toBeUndefined();
	expect(linkRefusal({ ...made, target: 'https://evil.example.com/a' })).toContain('does not name');
});

describe('S3 sends a fresh bucket to its region', () => {
	const from = 'https://mine.s3.amazonaws.com/a.png';
	test.each(['mine.s3.eu-west-1.amazonaws.com', 'mine.s3-eu-west-1.amazonaws.com'])(
		'%s',
		(host) => {
			expect(refusal(`https://${host}/a.png`, { from })).toBeUndefined();
		},
	);
	test.each([
		'yours.s3.eu-west-1.amazonaws.com',
		'mine.s3.eu-west-1.amazonaws.com.evil.com',
		'mine.s3.amazonaws.com.evil.com',
		'mine.ec2.eu-west-1.amazonaws.com',
	])('not %s', (host) => {
		expect(refusal(`https://${host}/a.png`, { from })).toContain('does not name');
	});
});

test('hosts are found wherever they stand; base64 and endless depth are not looked through', () => {
	const deep = Array.from({ length: 50 }).reduce<unknown>((inner) => [inner], 'https://deep.io/x');
	const output = [
		'HTTPS://A.io/1',
		{ b: { c: 'http://b.io:81/2' } },
		'ftp://c.io',
		`https://d.io/${'x'.repeat(9000)}`,
		deep,
		7,
		null,
	];
	expect([...hostsNamedBy(output)]).toEqual(['a.io', 'b.io:81']);
	expect(hostOf('x')).toBeUndefined();
});
