/** The test runner of everything in TypeScript; the worker's tests run under pytest. */
const transform = {
	'\\.m?ts$': [
		'@swc/jest',
		{
			jsc: { parser: { syntax: 'typescript', decorators: true }, target: 'es2022' },
			module: { type: 'commonjs' },
		},
	],
};

const project = (displayName, folder) => ({
	displayName,
	testEnvironment: 'node',
	rootDir: '.',
	testMatch: [`<rootDir>/test/${folder}/**/*.test.mts`],
	moduleFileExtensions: ['mts', 'ts', 'mjs', 'js', 'json', 'node'],
	transform,
	// The generated files of dist must not be found as modules of their own.
	modulePathIgnorePatterns: ['<rootDir>/dist/'],
});

export default {
	projects: ['core', 'contract', 'node', 'emulator', 'package', 'e2e'].map((name) => project(name, name)),
};
