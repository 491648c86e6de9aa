/** How executions end, and what becomes of their jobs: one n8n, one platform, many ends. */
import { agentTool } from './executions/agentTool.mts';
import { ends } from './executions/ends.mts';
import { killed } from './executions/killed.mts';
import { nested } from './executions/nested.mts';
import { Scripted, START_MS } from './scripted.mts';

jest.setTimeout(START_MS);
const stand = new Scripted();
beforeAll(() => stand.open(), START_MS);
afterAll(() => stand.close(), 60_000);

describe('an execution that ends early, or twice', () => ends(stand));
describe('a sub-workflow', () => nested(stand));
describe("an agent's tool", () => agentTool(stand));
// Last: what was running before would be gone.
describe('kill -9 of n8n', () => killed(stand));

it('leaves no open job, no Pod and no key behind', () => {
	const { openJobs, openPods, leaks } = stand.emulator.control.snapshot();
	expect({ openJobs, openPods, leaks }).toEqual({ openJobs: [], openPods: [], leaks: [] });
});
