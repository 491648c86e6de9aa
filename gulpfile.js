/** Brings into dist what the compiler leaves behind: icons, codex files and output schemas. */
const { dest, parallel, src } = require('gulp');

// Files are named one kind at a time: pictures of the documentation or the worker must not get in.
const files = [
	'nodes/**/*.svg',
	'credentials/**/*.svg',
	'nodes/**/*.node.json',
	'nodes/**/__schema__/**/*.json',
];

// Icons are bytes, not text: without `encoding: false` gulp 5 would rewrite them.
const copy = () => src(files, { base: '.', encoding: false, allowEmpty: true }).pipe(dest('dist'));

exports.default = parallel(copy);
