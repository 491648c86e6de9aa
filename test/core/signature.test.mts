/** Signatures against the vectors that Amazon published for Signature Version 4 and for S3. */
import { presignedUrl, sha256, signedHeaders } from '../../nodes/RunPod/core/signature.ts';

const signatureOf = (headers: Record<string, string>) =>
	/Signature=([0-9a-f]{64})$/.exec(headers.authorization)?.[1];

describe('the general vectors', () => {
	const keys = {
		accessKeyId: 'AKIDEXAMPLE',
		secretAccessKey: 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY',
		region: 'us-east-1',
		service: 'service',
	};
	const now = Date.UTC(2015, 7, 30, 12, 36, 0);

	it.each<[string, string, string, Record<string, string>, string]>([
		[
			'get-vanilla',
			'GET',
			'/',
			{},
			'5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31',
		],
		[
			'post-vanilla',
			'POST',
			'/',
			{},
			'5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b',
		],
		[
			'get-vanilla-query-order-key-case',
			'GET',
			'/?Param2=value2&Param1=value1',
			{},
			'b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500',
		],
		[
			'get-header-value-trim',
			'GET',
			'/',
			{ 'My-Header1': ' value1', 'My-Header2': ' "a   b   c"' },
			'acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736',
		],
		[
			'get-unreserved',
			'GET',
			'/-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz',
			{},
			'07ef7494c76fa4850883e2b006601f940f8a34d404d0cfa977f52a65bbf5f24f',
		],
		[
			'get-utf8',
			'GET',
			'/\u1234',
			{},
			'8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85',
		],
	])('%s', (_name, method, path, headers, expected) => {
		const url = `https://example.amazonaws.com${path}`;
		const signed = signedHeaders({ method, url, headers }, sha256(''), now, keys);
		expect(signatureOf(signed)).toBe(expected);
		expect(signed['x-amz-date']).toBe('20150830T123600Z');
	});
});

describe('the vectors of S3', () => {
	const keys = {
		accessKeyId: 'AKIAIOSFODNN7EXAMPLE',
		secretAccessKey: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY',
		region: 'us-east-1',
		service: 's3',
	};
	const now = Date.UTC(2013, 4, 24);
	const host = 'https://examplebucket.s3.amazonaws.com';

	it.each<[string, string, string, Record<string, string>, string, string]>([
		[
			'GET Object',
			'GET',
			'/test.txt',
			{ Range: 'bytes=0-9' },
			'',
			'f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41',
		],
		[
			'PUT Object',
			'PUT',
			'/test$file.text',
			{ Date: 'Fri, 24 May 2013 00:00:00 GMT', 'x-amz-storage-class': 'REDUCED_REDUNDANCY' },
			'Welcome to Amazon S3.',
			'98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd',
		],
		[
			'GET Bucket Lifecycle',
			'GET',
			'/?lifecycle',
			{},
			'',
			'fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543',
		],
		[
			'Get Bucket (List Objects)',
			'GET',
			'/?max-keys=2&prefix=J',
			{},
			'',
			'34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7',
		],
	])('%s', (_name, method, path, headers, body, expected) => {
		const payload = sha256(body);
		const all = { ...headers, 'x-amz-content-sha256': payload };
		const signed = signedHeaders({ method, url: host + path, headers: all }, payload, now, keys);
		expect(signatureOf(signed)).toBe(expected);
	});

	it('a link that expires', () => {
		const link = presignedUrl({ method: 'GET', url: `${host}/test.txt` }, 86400, now, keys);
		expect(link).toBe(
			`${host}/test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404`,
		);
		expect(link).not.toContain(keys.secretAccessKey);
	});
});
