/** What this browser remembers about the person's wishes. Nothing secret. */
const SHORTCUTS = 'ringfence.shortcuts';

class Preferences {
  /** Single-key shortcuts can be switched off (WCAG 2.1.4): speech input types letters by accident. */
  hasShortcuts = $state(read(SHORTCUTS) !== 'off');

  setShortcuts(isOn: boolean): void {
    this.hasShortcuts = isOn;
    try {
      localStorage.setItem(SHORTCUTS, isOn ? 'on' : 'off');
    } catch {
      // A browser that forgets still obeys until it is closed.
    }
  }
}

function read(name: string): string | null {
  try {
    return localStorage.getItem(name);
  } catch {
    return null;
  }
}

export const preferences = new Preferences();
