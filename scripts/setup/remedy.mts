/** Something that the user's machine lacks, said in one sentence with what to do about it. */
export class Remedy extends Error {
	override name = 'Remedy';
}

/** Text for the terminal: the sentence alone for a known lack, the stack for anything unforeseen. */
export function explain(error: unknown): string {
	if (error instanceof Remedy) return error.message;
	return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
