// Loads the test files named in RINGFENCE_TESTS_FILES into one process, so that they share browser, server and PBX.
import path from 'node:path';
import { pathToFileURL } from 'node:url';

for (const file of (process.env.RINGFENCE_TESTS_FILES ?? '').split('\n').filter(Boolean)) await import(pathToFileURL(path.resolve(file)).href);
