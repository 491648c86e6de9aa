/**
 * What n8n-core reads from the environment when it loads: a folder of its own for its settings and
 * binary files, removed with the process. Import this before n8n-core.
 */
import 'reflect-metadata';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export const userFolder = mkdtempSync(join(tmpdir(), 'runpod-studio-node-test-'));

process.env.N8N_USER_FOLDER = userFolder;
process.env.N8N_ENCRYPTION_KEY = 'only-for-tests';
process.env.N8N_DEFAULT_BINARY_DATA_MODE = 'filesystem';
process.env.N8N_LOG_LEVEL = 'silent';

process.on('exit', () => rmSync(userFolder, { recursive: true, force: true }));
