/** The application's one model, for views deep in the tree. */
import { createContext } from 'svelte';
import type { ConsoleModel } from './console.svelte.ts';

export const [useConsole, provideConsole] = createContext<ConsoleModel>();
