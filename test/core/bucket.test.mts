/** Buckets: what people type, what servers want, and which links are the bucket's own. */
import {
	addressOf,
	bucketOf,
	hasTimedLinks,
	isReachedFrom,
	keyIn,
	linkOf,
	newKey,
	s3ConfigOf,
	saidBy,
	timedLink,
} from '../../nodes/RunPod/core/bucket.ts';

const typed = {
	endpointUrl: 'https://s3.eu-west-1.amazonaws.com',
	bucket: 'pictures',
	region: 'auto',
	accessKeyId: 'AKIDEXAMPLE',
	secretAccessKey: 'planted-secret',
	pathPrefix: 'runpod-studio/',
	publicBaseUrl: '',
	linkExpiryS: 604800,
};
const bucket = (more = {}) => bucketOf({ ...typed, ...more });
const now = Date.UTC(2026, 0, 1);
const HEX = '0123456789abcdef0123456789abcdef';

test.each([
	['https://s3.eu-west-1.amazonaws.com', 'https://s3.eu-west-1.amazonaws.com', 'eu-west-1'],
	['https://s3.amazonaws.com/', 'https://s3.amazonaws.com', 'us-east-1'],
	[
		'https://pictures.s3.eu-central-1.amazonaws.com',
		'https://s3.eu-central-1.amazonaws.com',
		'eu-central-1',
	],
	[
		`https://${HEX}.r2.cloudflarestorage.com/pictures`,
		`https://${HEX}.r2.cloudflarestorage.com`,
		'us-east-1',
	],
	[
		'https://s3.us-west-004.backblazeb2.com',
		'https://s3.us-west-004.backblazeb2.com',
		'us-west-004',
	],
	['https://s3api-eu-ro-1.runpod.io/', 'https://s3api-eu-ro-1.runpod.io', 'EU-RO-1'],
	['http://127.0.0.1:9000/pictures/', 'http://127.0.0.1:9000', 'us-east-1'],
	['http://minio.local:9000/behind/a/proxy', 'http://minio.local:9000/behind/a/proxy', 'us-east-1'],
])('%s is the server %s in %s', (endpointUrl, endpoint, region) => {
	expect(bucket({ endpointUrl })).toMatchObject({ endpoint, region, name: 'pictures' });
});

test('a region of its own is taken as it is', () => {
	expect(bucket({ region: ' eu-west-3 ' }).region).toBe('eu-west-3');
});

test.each([
	[{ endpointUrl: '' }, "'Endpoint URL' of the storage credential must not be empty."],
	[{ endpointUrl: 's3.amazonaws.com' }, "'Endpoint URL' must be an address that begins with"],
	[{ endpointUrl: 'https://a:b@s3.example.com' }, 'must not contain a user or a password'],
	[{ endpointUrl: 'https://s3.example.com/?x=planted-secret' }, 'must not hold a query'],
	[{ bucket: 'https://x' }, "'Bucket' of the storage credential must be the bare name"],
	[{ accessKeyId: ' ' }, "'Access Key ID' of the storage credential must not be empty."],
	[{ secretAccessKey: '' }, "'Secret Access Key' of the storage credential must not be empty."],
	[{ pathPrefix: 'a/../b' }, "'Path Prefix' of the storage credential must not lead upwards."],
	[
		{ linkExpiryS: 59 },
		"'Link Expiry (Seconds)' of the storage credential must be a whole number between 60 and 604800.",
	],
	[{ linkExpiryS: 604801 }, 'between 60 and 604800'],
])('%j is refused by its name', (more, text) => {
	expect(() => bucket(more)).toThrow(text);
	try {
		bucket(more);
	} catch (error) {
		expect(String(error)).not.toContain('planted-secret');
	}
});

test('names are safe in any script, and never the same twice', () => {
	const key = newKey(bucket(), 'job/../1', 'Füchse im Schnee #1? 狐', 'png', 'aa11');
	expect(key).toBe('runpod-studio/job-.-1/Füchse-im-Schnee-1-狐-aa11.png');
	expect(newKey(bucket({ pathPrefix: '' }), '', '...', 'jpg', 'bb22')).toBe('files/image-bb22.jpg');
	expect(addressOf(bucket(), key)).toBe(
		'https://s3.eu-west-1.amazonaws.com/pictures/runpod-studio/job-.-1/F%C3%BCchse-im-Schnee-1-%E7%8B%90-aa11.png',
	);
});

test('links are signed for their time, or public', () => {
	const signed = new URL(linkOf(bucket({ linkExpiryS: 90 }), 'runpod-studio/a b.png', now));
	expect(signed.pathname).toBe('/pictures/runpod-studio/a%20b.png');
	expect(signed.searchParams.get('X-Amz-Expires')).toBe('90');
	const open = bucket({ publicBaseUrl: 'https://cdn.example.com/p/' });
	expect(linkOf(open, 'runpod-studio/a b.png', now)).toBe(
		'https://cdn.example.com/p/runpod-studio/a%20b.png',
	);
	// What goes in is never made public by its link.
	expect(timedLink(open, 'x.png', 5, now)).toMatch(/amazonaws\.com\/.*X-Amz-Expires=60&/);
	for (const link of [signed.href, timedLink(open, 'x', 1e9, now)]) {
		expect(link).not.toContain('planted-secret');
	}
});

test.each([
	[
		'https://s3.eu-west-1.amazonaws.com/pictures/runpod-studio/j/a%20b.png?X-Amz-Signature=1',
		'runpod-studio/j/a b.png',
	],
	['https://s3.eu-west-1.amazonaws.com/pictures/other/a.png', undefined],
	['https://s3.eu-west-1.amazonaws.com/pictures/runpod-studio/../other/a.png', undefined],
	['https://s3.eu-west-1.amazonaws.com/pictures/runpod-studio/%2e%2e/other/a.png', undefined],
	['https://s3.eu-west-1.amazonaws.com/pictures-2/runpod-studio/a.png', undefined],
	['https://s3.eu-west-1.amazonaws.com.evil.example/pictures/runpod-studio/a.png', undefined],
	['https://cdn.example.com/runpod-studio/a.png', 'runpod-studio/a.png'],
	['data:image/png;base64,iVBO', undefined],
])('%s is the file %s', (link, key) => {
	expect(keyIn(bucket({ publicBaseUrl: 'https://cdn.example.com' }), link)).toBe(key);
});

test('a job brings the four words, and more only where the worker would not find it', () => {
	const four = {
		accessId: 'AKIDEXAMPLE',
		accessSecret: 'planted-secret',
		bucketName: 'pictures',
		endpointUrl: 'https://s3.eu-west-1.amazonaws.com',
	};
	expect(s3ConfigOf(bucket())).toEqual(four);
	expect(s3ConfigOf(bucket({ pathPrefix: 'shop', region: 'local' }))).toEqual({
		...four,
		objectPath: 'shop/',
		region: 'local',
	});
});

test('a network volume knows no links, and a private server is reached from a private place', () => {
	expect(hasTimedLinks(bucket({ endpointUrl: 'https://s3api-eu-ro-1.runpod.io' }))).toBe(false);
	expect(hasTimedLinks(bucket())).toBe(true);
	const local = bucket({ endpointUrl: 'http://127.0.0.1:9000' });
	expect(isReachedFrom(local, 'https://api.runpod.ai/v2/x')).toBe(false);
	expect(isReachedFrom(local, 'http://127.0.0.1:8000')).toBe(true);
	expect(isReachedFrom(bucket(), 'https://api.runpod.ai/v2/x')).toBe(true);
});

test('of an answer only its code and its sentence are told', () => {
	const body = `<?xml version="1.0"?><Error><Code>SignatureDoesNotMatch</Code><Message>It does not match.</Message><AWSAccessKeyId>AKIDEXAMPLE</AWSAccessKeyId><StringToSign>planted</StringToSign></Error>`;
	expect(saidBy(body)).toBe('SignatureDoesNotMatch: It does not match.');
	expect(saidBy('<html>no</html>')).toBeUndefined();
	expect(saidBy({})).toBeUndefined();
});
