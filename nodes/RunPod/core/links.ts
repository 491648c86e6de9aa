import { isPrivateHost } from './address';

/** Where a link of a job's result may lead: to hosts that the job's own reply named, and no further. */

const LINK = /^https?:\/\//i;
/** No link is longer, and base64 is not looked at. */
const LONGEST_LINK = 8000;
const DEEPEST = 8;

function parse(link: string): URL | undefined {
	try {
		const url = new URL(link);
		return /^https?:$/.test(url.protocol) ? url : undefined;
	} catch {
		return undefined;
	}
}

/** Host and port of a link, in one spelling; another port is another server. */
export const hostOf = (link: string): string | undefined =>
	parse(link)?.host.replace(/\.(?=:|$)/, '');

/** All hosts that a job's output names in links, wherever they stand. */
export function hostsNamedBy(output: unknown): Set<string> {
	const hosts = new Set<string>();
	const look = (value: unknown, depth: number): void => {
		if (typeof value === 'string') {
			const isLink = value.length <= LONGEST_LINK && LINK.test(value);
			const host = isLink ? hostOf(value) : undefined;
			if (host !== undefined) hosts.add(host);
		} else if (typeof value === 'object' && value !== null && depth < DEEPEST) {
			for (const inner of Object.values(value)) look(inner, depth + 1);
		}
	};
	look(output, 0);
	return hosts;
}

/**
 * S3 answers for a fresh bucket with a redirect to its region: the same bucket, one label more. It is
 * the only storage that is known to redirect links which it signed.
 */
function isRegionOf(target: string, named: string): boolean {
	const bucket = /^(.+)\.s3\.amazonaws\.com$/.exec(named)?.[1];
	const region = /^(.+)\.s3[.-][a-z0-9-]+\.amazonaws\.com$/.exec(target)?.[1];
	return bucket !== undefined && bucket === region;
}

export interface Way {
	/** The address to go to now. */
	target: string;
	/** The link as the job's reply has it. */
	link: string;
	/** All hosts of the reply; the link's own is always one of them. */
	named: ReadonlySet<string>;
	/** Address of the job API: a private one may hand out private links. */
	baseUrl: string;
}

/** Why `target` is not gone to, as the end of a sentence; undefined where nothing speaks against it. */
export function linkRefusal({ target, link, named, baseUrl }: Way): string | undefined {
	const url = parse(target);
	const host = hostOf(target);
	if (url === undefined || host === undefined) return 'its link is no address of the web';
	if (isPrivateHost(target) && !isPrivateHost(baseUrl))
		return 'its link leads into a private network';
	if (parse(link)?.protocol === 'https:' && url.protocol !== 'https:')
		return 'its link was redirected from https to http';
	const allowed = [hostOf(link), ...named];
	const isNamed = allowed.some((one) => one === host || (one && isRegionOf(host, one)));
	return isNamed
		? undefined
		: `its link was redirected to ${host}, a host that the job's reply does not name`;
}
