/**
 * Who may import whom, one rule per room. A room lists what it may reach; all else is refused.
 * Read together with the table of rooms in the developers' guide; checked by test/package/layers.
 */
const room = 'nodes/[^/]+';
const n8n = '(^|/)node_modules/n8n-workflow/';
/** The one module of Node that n8n lets community nodes import. */
const crypto = '^crypto$';

/** All that a room may import, as one rule: everything that matches none of the patterns is an error. */
const only = (name, from, may, comment) => ({
	name,
	comment,
	severity: 'error',
	from: typeof from === 'string' ? { path: from } : from,
	to: { pathNot: may },
});

module.exports = {
	forbidden: [
		{
			name: 'contract-and-core-know-types-of-n8n-only',
			comment:
				'What decides must run without n8n; its types are fine, they are gone after compiling.',
			severity: 'error',
			from: { path: `^${room}/(contract|core)/` },
			to: { path: n8n, dependencyTypesNot: ['type-only'] },
		},
		only('contract-imports-nothing', `^${room}/contract/`, [`^${room}/contract/`, n8n]),
		// A hash is a function of its input, like everything there.
		only('core-is-pure', `^${room}/core/`, [`^${room}/(core|contract)/`, n8n, crypto]),
		only('transport-knows-no-caller', `^${room}/transport/`, [
			`^${room}/(transport|core|contract)/`,
			n8n,
			crypto,
		]),
		only('run-knows-no-operation', `^${room}/run/`, [
			`^${room}/(run|transport|core|contract)/`,
			n8n,
			crypto,
		]),
		only('actions-use-run', `^${room}/(actions|methods)/`, [
			`^${room}/(actions|methods|run|core|contract)/`,
			`^${room}/transport/management`,
			n8n,
		]),
		{
			name: 'no-operation-imports-another',
			severity: 'error',
			from: { path: '\\.operation\\.ts$' },
			to: { path: '\\.operation\\.ts$' },
		},
		only('node-file-only-assembles', `^${room}/[^/]+\\.node\\.ts$`, [
			`^${room}/(actions|methods)/`,
			`^${room}/run/resume`,
			n8n,
		]),
		only('credentials-stand-alone', '^credentials/', [
			`^credentials/`,
			`^${room}/(core|contract)/`,
			n8n,
		]),
		only('index-only-exports', '^index\\.ts$', [`^credentials/`, `^${room}/[^/]+\\.node\\.ts$`]),
		{
			name: 'emulator-is-an-independent-witness',
			comment: 'An emulator that shared code with what it tests would share its mistakes.',
			severity: 'error',
			from: { path: '^emulator/' },
			to: { path: '^(nodes|credentials|worker|contract|run|test|scripts|dist)/' },
		},
		{
			name: 'from-outside-means-from-outside',
			comment: 'End-to-end tests and benchmarks use the built package and the worker over HTTP.',
			severity: 'error',
			from: { path: '^(test/e2e|bench)/' },
			to: { path: '^(nodes|credentials|worker)/' },
		},
		{
			name: 'nothing-published-needs-tools',
			severity: 'error',
			from: { path: '^(nodes|credentials)/|^index\\.ts$' },
			to: { path: '^(emulator|test|bench|scripts|contract|worker)/' },
		},
		{
			name: 'no-circles',
			comment: 'Types may go round: they are gone when the modules load.',
			severity: 'error',
			from: {},
			to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
		},
		{
			name: 'everything-is-found',
			severity: 'error',
			from: { path: '^(nodes|credentials|emulator|contract|scripts)/' },
			to: { couldNotResolve: true },
		},
	],
	options: {
		doNotFollow: { path: 'node_modules' },
		exclude: { path: '^dist/' },
		// Types count as imports, too.
		tsPreCompilationDeps: true,
		tsConfig: { fileName: 'tsconfig.tools.json' },
		enhancedResolveOptions: {
			extensions: ['.ts', '.mts', '.mjs', '.js', '.json'],
			exportsFields: ['exports'],
			conditionNames: ['import', 'require', 'node', 'default', 'types'],
		},
	},
};
