import { mount } from 'svelte';
import App from './App.svelte';
import './app.css';
import { audioContext } from './phone/index.ts';

// Browsers let a page make sound only after the first click or key; from then on ringing can be heard.
for (const gesture of ['pointerdown', 'keydown'] as const) {
  addEventListener(gesture, () => audioContext(), { once: true, passive: true });
}

const target = document.getElementById('console');
if (target) mount(App, { target });
