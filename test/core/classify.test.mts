/** What a thrown error says about a request: whether it can have arrived. A submit hangs on it. */
import { classify } from '../../nodes/RunPod/transport/http.ts';

const error = (parts: object, message = 'x') => Object.assign(new Error(message), parts);

/** As n8n hands it on: its own error around that of axios around that of Node.js. */
const wrapped = (code: string, inner: object = {}, message = 'x') =>
	error({ cause: error({ isAxiosError: true, code, cause: error({ code, ...inner }) }, message) });

const kindOf = (thrown: unknown) => classify(thrown, 30_000).kind;

test.each([
	['refused', 'ECONNREFUSED', { syscall: 'connect' }],
	['refused', 'ENOTFOUND', { syscall: 'getaddrinfo' }],
	['refused', 'EAI_AGAIN', { syscall: 'getaddrinfo' }],
	['refused', 'EHOSTUNREACH', { syscall: 'connect' }],
	['refused', 'ENETUNREACH', { syscall: 'connect' }],
	['refused', 'ETIMEDOUT', { syscall: 'connect' }],
	['refused', 'CERT_HAS_EXPIRED', {}],
	['refused', 'ETIMEDOUT', { errors: [{ syscall: 'connect' }, { syscall: 'connect' }] }],
	// A network that breaks while a request is under way: it may have arrived.
	['cut', 'EHOSTUNREACH', { syscall: 'read' }],
	['cut', 'ENETUNREACH', { syscall: 'write' }],
	['cut', 'EHOSTUNREACH', {}],
	['timeout', 'ETIMEDOUT', { syscall: 'read' }],
	['cut', 'ECONNRESET', { syscall: 'read' }],
	['cut', 'EPIPE', { syscall: 'write' }],
	['cut', 'ERR_BAD_RESPONSE', {}],
	['aborted', 'ERR_CANCELED', {}],
] as const)('%s: %s %j', (kind, code, inner) => {
	expect(kindOf(wrapped(code, inner))).toBe(kind);
});

test('a time limit of n8n is a timeout', () => {
	expect(kindOf(wrapped('ECONNABORTED', {}, 'timeout of 30000ms exceeded'))).toBe('timeout');
	expect(classify(wrapped('ETIMEDOUT'), 30_000)).toEqual({
		kind: 'timeout',
		detail: 'no answer within 30 s',
	});
});

test('what n8n refuses itself never left it', () => {
	expect(classify(error({}, 'Domain not allowed'), 30_000)).toEqual({
		kind: 'local',
		detail: 'Domain not allowed',
	});
});
