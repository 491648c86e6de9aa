/** A starter for processes.test.mts: starts a program under the guard and waits to be killed. */
import { start } from '../../scripts/running/processes.mts';

const [log, command, ...args] = process.argv.slice(2);
const running = start({ name: 'The program', command, args, env: process.env, log });
void running.line(/.*ready/, 60_000).then(([line]) => console.log(line));
setInterval(() => undefined, 1000);
