/**
 * A double of a language model at the border of the process: it speaks the chat interface of OpenAI,
 * asks for the only tool once, and then answers with what the tool said.
 */
import fastify from 'fastify';

export interface Message {
	role: string;
	content: unknown;
	tool_calls?: unknown;
}

interface Asked {
	messages: Message[];
	tools?: Array<{ function: { name: string; parameters: { properties?: Record<string, unknown> } } }>;
}

export interface ChatModelDouble {
	url: string;
	/** What it was asked, in order. */
	asked: Asked[];
	close: () => Promise<void>;
}

/** `args`: what the model wants of the tool. */
export async function startChatModelDouble(args: Record<string, unknown>): Promise<ChatModelDouble> {
	const asked: Asked[] = [];
	const app = fastify({ bodyLimit: 64 * 1024 * 1024, forceCloseConnections: true });
	app.post('/v1/chat/completions', (request) => {
		const body = request.body as Asked;
		asked.push(body);
		const told = body.messages.find(({ role }) => role === 'tool');
		const name = body.tools?.[0]?.function.name;
		const call = { id: 'call_1', type: 'function', function: { name, arguments: JSON.stringify(args) } };
		const message = told
			? { role: 'assistant', content: 'Here is your picture.' }
			: { role: 'assistant', content: null, tool_calls: [call] };
		return {
			id: `chat-${asked.length}`,
			object: 'chat.completion',
			created: 1,
			model: 'double',
			choices: [{ index: 0, message, finish_reason: told ? 'stop' : 'tool_calls' }],
			usage: { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 },
		};
	});
	const address = await app.listen({ host: '127.0.0.1', port: 0 });
	return { url: `${address}/v1`, asked, close: () => app.close() };
}
