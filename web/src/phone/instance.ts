/** Which phone this is to the server, `+sip.instance`: each page its own, and a reloaded page the same as before. */

const KEY = 'ringfence.instance';

/** `storage` is the tab's own; a duplicated tab has a copy of it and must not become the same phone. */
export function instanceId(isReload: boolean, storage: Pick<Storage, 'getItem' | 'setItem'> | null): string {
  const kept = isReload ? read(storage) : null;
  const id = kept ?? mint();
  try {
    storage?.setItem(KEY, id);
  } catch {
    // Without storage a reloaded page is a new phone.
  }
  return id;
}

function read(storage: Pick<Storage, 'getItem'> | null): string | null {
  try {
    const kept = storage?.getItem(KEY) ?? null;
    return kept !== null && /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(kept) ? kept : null;
  } catch {
    return null;
  }
}

/** A UUID of version 4 (RFC 9562 5.4); `crypto.randomUUID` is missing on insecure pages. */
function mint(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  const hex = [...bytes].map((byte, at) => {
    const value = at === 6 ? (byte & 0x0f) | 0x40 : at === 8 ? (byte & 0x3f) | 0x80 : byte;
    return value.toString(16).padStart(2, '0');
  });
  return [[0, 4], [4, 6], [6, 8], [8, 10], [10, 16]].map(([from, to]) => hex.slice(from, to).join('')).join('-');
}
