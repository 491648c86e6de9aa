/** Real image files of 16 x 8 pixels, made with Pillow, and the worker's answers around them. */
import type { IDataObject } from 'n8n-workflow';

export const jpeg =
	'/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAA0JCgsKCA0LCgsODg0PEyAVExISEyccHhcgLikxMC4pLSwzOko+MzZGNywtQFdBRkxOUlNSMj5aYVpQYEpRUk//2wBDAQ4ODhMREyYVFSZPNS01T09PT09PT09PT09PT09PT09PT09PT09PT09PT09PT09PT09PT09PT09PT09PT09PT0//wAARCAAIABADASIAAhEBAxEB/8QAHwAAAQUBAQEBAQEAAAAAAAAAAAECAwQFBgcICQoL/8QAtRAAAgEDAwIEAwUFBAQAAAF9AQIDAAQRBRIhMUEGE1FhByJxFDKBkaEII0KxwRVS0fAkM2JyggkKFhcYGRolJicoKSo0NTY3ODk6Q0RFRkdISUpTVFVWV1hZWmNkZWZnaGlqc3R1dnd4eXqDhIWGh4iJipKTlJWWl5iZmqKjpKWmp6ipqrKztLW2t7i5usLDxMXGx8jJytLT1NXW19jZ2uHi4+Tl5ufo6erx8vP09fb3+Pn6/8QAHwEAAwEBAQEBAQEBAQAAAAAAAAECAwQFBgcICQoL/8QAtREAAgECBAQDBAcFBAQAAQJ3AAECAxEEBSExBhJBUQdhcRMiMoEIFEKRobHBCSMzUvAVYnLRChYkNOEl8RcYGRomJygpKjU2Nzg5OkNERUZHSElKU1RVVldYWVpjZGVmZ2hpanN0dXZ3eHl6goOEhYaHiImKkpOUlZaXmJmaoqOkpaanqKmqsrO0tba3uLm6wsPExcbHyMnK0tPU1dbX2Nna4uPk5ebn6Onq8vP09fb3+Pn6/9oADAMBAAIRAxEAPwDItvD/AE+T9K1rbw/0+T9KKKyr4qr3ObK8bW01P//Z';

export const webp =
	'UklGRkgAAABXRUJQVlA4IDwAAADQAQCdASoQAAgAAoBCJbACdAEOuwXvAAD+98lWsEbkrGJjCRxa8zKW68pdbZ+WUJM+mX7U//AH70kAAAA=';

export const png =
	'iVBORw0KGgoAAAANSUhEUgAAABAAAAAICAIAAAB/FOjAAAAAGklEQVR42mNkYKjgZ2AgHrEwyDGQBEY1EAMAsKkCSVp3U6oAAAAASUVORK5CYII=';

const encoded: Record<string, string> = { jpeg, webp, png };

const worker = { version: '1.0.0', model_hash: null, device: 'cpu' };

/** What the Studio Worker answers to an input of `create` or `production`, in the contract's shape. */
export function studioWorker(received: unknown): IDataObject {
	const input = received as IDataObject;
	const format = String(input.output_format ?? 'jpeg');
	const image = encoded[format];
	const count = Number(input.num_images ?? 1);
	const seed = Number(input.seed ?? -1) < 0 ? 4242 : Number(input.seed);
	const isCreate = input.route === 'create';
	const images = Array.from({ length: count }, (_, n) => ({
		id: `img_000_${String(n).padStart(2, '0')}`,
		image,
		seed: seed + n,
		...(isCreate ? { aesthetic_score: 6.5 - n } : {}),
	}));
	return {
		route: input.route as string,
		...(count === 1 ? { image } : { images: images.slice(0, Number(input.top_k ?? count)) }),
		...(isCreate ? { aesthetic_score: 6.5 } : {}),
		metadata: {
			prompt: input.prompt as string,
			width: input.width as number,
			height: input.height as number,
			seed,
			steps: input.steps as number,
			model: 'studio-demo',
			output_format: format,
			worker,
		},
		meta: { job_id: 'told by the platform', duration_ms: 40 },
	};
}
