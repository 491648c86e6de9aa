/**
 * Runs the analyser of n8n's official scan: `node scan.mjs <folder> <pattern>...` prints its verdict.
 * A process of its own, because the analyser is an ES module that lints with its own configuration.
 */
import { analyzePackage } from '@n8n/scan-community-package/scanner/scanner.mjs';

const [folder, ...patterns] = process.argv.slice(2);
const { passed, message, details } = await analyzePackage(folder, patterns);
console.log(JSON.stringify({ passed, message, details }));
