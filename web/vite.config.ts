import { svelte } from '@sveltejs/vite-plugin-svelte';
import { defineConfig } from 'vite';

/** Where `vite dev` finds a running `ringfence dev`: page, API and phone socket are one origin for the browser. */
const server = process.env['RINGFENCE_DEV'] ?? 'http://localhost:8080';

export default defineConfig({
  plugins: [svelte()],
  build: {
    target: 'es2022',
    sourcemap: false,
    // JsSIP and the rest are in the bundle; their licences ask to be named beside it.
    license: { fileName: 'licenses.md' },
    // The content security policy allows no inline script, and every browser we support preloads modules itself.
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0,
    chunkSizeWarningLimit: 700,
  },
  server: {
    proxy: {
      '/api': server,
      '/ws': { target: server, ws: true },
    },
  },
});
