/** Our node as the tool of n8n's AI Agent. The language model is a double; the rest is real. */
import axios from 'axios';
import { startChatModelDouble } from '../chatModel.mts';
import { itemsOf } from '../../../scripts/running/examples.mts';
import { PNG, pictureAfter, seenOf } from '../scripted.mts';
import type { Scripted } from '../scripted.mts';
import { chain, manual, node, runPod, RUNPOD } from '../workflows.mts';

export function agentTool(stand: Scripted): void {
	it('makes one picture and tells the model about it in JSON without its bytes', async () => {
		const { client, emulator, credential } = stand;
		pictureAfter(emulator, 'a fox', 0);
		const model = await startChatModelDouble({ prompt: 'a fox' });
		try {
			const openAi = await client.saveCredential('Model', 'openAiApi', { apiKey: 'none', url: model.url });
			const prompted = "={{ $fromAI('prompt', 'What the picture shows', 'string') }}";
			// An agent cannot be parked: the node polls.
			const tool = runPod(credential, { prompt: prompted, waitForResult: 'callback' });
			tool.type += 'Tool';
			const chat = node('Model', '@n8n/n8n-nodes-langchain.lmChatOpenAi', 1.2, {
				model: { __rl: true, mode: 'id', value: 'double' },
			});
			chat.credentials = { openAiApi: { id: openAi, name: 'Model' } };
			const agent = node('Agent', '@n8n/n8n-nodes-langchain.agent', 3, {
				promptType: 'define',
				text: 'Make a picture of a fox.',
			});
			const workflow = chain('Agent', [manual(), agent]);
			workflow.nodes.push(chat, tool);
			Object.assign(workflow.connections, {
				Model: { ai_languageModel: [[{ node: 'Agent', type: 'ai_languageModel', index: 0 }]] },
				[RUNPOD]: { ai_tool: [[{ node: 'Agent', type: 'ai_tool', index: 0 }]] },
			});
			const execution = await stand.finished(await stand.start(workflow));
			expect(execution.error).toBeUndefined();
			expect(itemsOf(execution, 'Agent')).toMatchObject([{ json: { output: 'Here is your picture.' } }]);
			const { submits } = seenOf(emulator, 'a fox');
			expect(submits).toHaveLength(1);
			expect(submits[0].webhook).toBeUndefined();

			expect(model.asked).toHaveLength(2);
			expect(JSON.stringify(model.asked)).not.toContain(PNG.slice(0, 40));
			const told = model.asked[1].messages.find(({ role }) => role === 'tool');
			const [{ prompt, files }] = JSON.parse(String(told?.content)) as [{ prompt: string; files: Array<{ url: string }> }];
			expect({ prompt, files }).toMatchObject({ prompt: 'a fox', files: [{ fileName: 'a fox.png' }] });
			// The link needs no login: a person in the chat opens it.
			const linked = await axios.get(files[0].url, { responseType: 'arraybuffer', proxy: false });
			expect(Buffer.from(linked.data as ArrayBuffer).toString('base64')).toBe(PNG);
		} finally {
			await model.close();
		}
	});
}
