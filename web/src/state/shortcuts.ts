/** Keyboard shortcuts of the phone, for the whole page. */
import type { PhoneModel } from './phone.svelte.ts';
import { preferences } from './preferences.svelte.ts';

export const SHORTCUTS: { keys: string[]; words: string }[] = [
  { keys: ['0–9', '*', '#'], words: 'Type a number, or send tones in a call' },
  { keys: ['Enter'], words: 'Call the number, or answer' },
  { keys: ['Esc'], words: 'Hang up, decline, or clear the number' },
  { keys: ['A'], words: 'Answer' },
  { keys: ['M'], words: 'Mute or unmute' },
  { keys: ['H'], words: 'Hold or resume' },
  { keys: ['?'], words: 'Show this list' },
];

/** Handles one key press; true if it meant something, so that the page does nothing else with it. */
export function handleKey(event: KeyboardEvent, phone: PhoneModel, showHelp: () => void): boolean {
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || event.defaultPrevented) return false;
  // An open dialog has the keyboard to itself.
  if (document.querySelector('dialog[open]')) return false;
  const target = event.target instanceof HTMLElement ? event.target : null;
  const isTyping = target?.closest('input, textarea, select') != null;
  const { front, incoming } = phone;

  if (event.key === 'Escape') {
    // In a field, Escape is for the field; the number is cleared only where no call could be meant.
    if (event.repeat || (isTyping && (front || incoming))) return false;
    if (phone.pending) phone.dismissMicrophoneProblem();
    else if (incoming && !front) phone.hangup(incoming.id);
    else if (front) phone.hangup(front.id);
    else phone.number = '';
    return true;
  }
  if (isTyping) return false;
  if (event.key === 'Enter') {
    // On a button, Enter presses that button.
    if (event.repeat || target?.closest('button, a, summary')) return false;
    if (incoming) void phone.answer(incoming.id);
    else if (!front && phone.number !== '') void phone.dial(phone.number);
    else return false;
    return true;
  }
  if (!preferences.hasShortcuts || event.repeat) return false;
  if (/^[0-9*#]$/.test(event.key) || (event.key === '+' && !front)) {
    phone.press(event.key);
    return true;
  }
  if (event.key === '?') {
    showHelp();
    return true;
  }
  switch (event.key.toLowerCase()) {
    case 'a':
      if (!incoming) return false;
      void phone.answer(incoming.id);
      return true;
    case 'm':
      if (!front) return false;
      phone.setMuted(front.id, !front.isMuted);
      return true;
    case 'h':
      if (!front) return false;
      phone.setHeld(front.id, front.state !== 'held');
      return true;
    default:
      return false;
  }
}
