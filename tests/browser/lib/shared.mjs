// What the tests of one process share, and how it ends.
import { after } from 'node:test';
import { closeBrowser } from './browser.mjs';

export async function finish() { await closeBrowser(); }
