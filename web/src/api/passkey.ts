/** Passkeys: what the server asks, what the browser answers (WebAuthn), as JSON with bytes in base64url. */
import { get, patch, post, segment, type List, type Time } from './http.ts';
import { PersonProblem } from './problem.ts';
import type { Me } from './session.ts';

export interface Passkey {
  id: string;
  name: string;
  created_at: Time;
  last_used_at: Time | null;
}

export interface Descriptor {
  id: string;
  transports: string[];
}

/** What a browser needs to make one. */
export interface ToMake {
  challenge: string;
  rp_id: string;
  rp_name: string;
  user_id: string;
  user_name: string;
  user_display_name: string;
  algorithms: number[];
  exclude: Descriptor[];
  timeout_ms: number;
}

/** What a browser needs to show one. */
export interface ToShow {
  challenge: string;
  rp_id: string;
  allow: Descriptor[];
  timeout_ms: number;
}

export interface Made {
  client_data: string;
  attestation_object: string;
  transports: string[];
}

export interface Answer {
  credential_id: string;
  client_data: string;
  authenticator_data: string;
  signature: string;
  user_handle: string | null;
}

const mine = '/api/v1/me/second-factor/passkeys';

export const passkeyApi = {
  list: () => get<List<Passkey>>(mine),
  /** Whoever must set a second factor up has just shown their password. */
  begin: (password: string | null) => post<ToMake>(`${mine}/begin`, password === null ? {} : { password }),
  add: (name: string, made: Made) => post<{ passkey: Passkey; recovery_codes: string[] }>(mine, { name, ...made }),
  rename: (id: string, name: string) => patch(`${mine}/${segment(id)}`, { name }),
  remove: (id: string, password: string) => post(`${mine}/${segment(id)}/remove`, { password }),
  /** To confirm something with. */
  ask: () => post<ToShow>(`${mine}/ask`),
  askAtSignIn: (attempt: string) => post<ToShow>('/api/v1/login/passkey/ask', { attempt }),
  signIn: (attempt: string, passkey: Answer) => post<Me>('/api/v1/login/passkey', { attempt, passkey }),
};

/** Whether this browser knows passkeys on this page: it does not at an address, or without encryption. */
export const hasPasskeys = () => typeof PublicKeyCredential === 'function' && navigator.credentials !== undefined;

export const NO_PASSKEYS = 'This browser cannot use passkeys here. Use another browser, or another way.';

/** Has the browser make a passkey. */
export async function makePasskey(asked: ToMake): Promise<Made> {
  const credential = await prompt(() =>
    navigator.credentials.create({
      publicKey: {
        challenge: bytesOf(asked.challenge),
        rp: { id: asked.rp_id, name: asked.rp_name },
        user: { id: bytesOf(asked.user_id), name: asked.user_name, displayName: asked.user_display_name },
        pubKeyCredParams: asked.algorithms.map((alg) => ({ type: 'public-key', alg })),
        excludeCredentials: asked.exclude.map(descriptorOf),
        authenticatorSelection: { residentKey: 'discouraged', userVerification: 'preferred' },
        attestation: 'none',
        timeout: asked.timeout_ms,
      },
    }),
  );
  const response = credential.response as AuthenticatorAttestationResponse;
  return {
    client_data: textOf(response.clientDataJSON),
    attestation_object: textOf(response.attestationObject),
    transports: response.getTransports?.() ?? [],
  };
}

/** Has the browser show one of these passkeys. */
export async function showPasskey(asked: ToShow): Promise<Answer> {
  const credential = await prompt(() =>
    navigator.credentials.get({
      publicKey: {
        challenge: bytesOf(asked.challenge),
        rpId: asked.rp_id,
        allowCredentials: asked.allow.map(descriptorOf),
        userVerification: 'preferred',
        timeout: asked.timeout_ms,
      },
    }),
  );
  const response = credential.response as AuthenticatorAssertionResponse;
  return {
    credential_id: textOf(credential.rawId),
    client_data: textOf(response.clientDataJSON),
    authenticator_data: textOf(response.authenticatorData),
    signature: textOf(response.signature),
    user_handle: response.userHandle ? textOf(response.userHandle) : null,
  };
}

/** What is asked of the person, or in words why nothing came of it. */
async function prompt(ask: () => Promise<Credential | null>): Promise<PublicKeyCredential> {
  if (!hasPasskeys()) throw new PersonProblem(NO_PASSKEYS);
  try {
    const credential = await ask();
    if (credential !== null) return credential as PublicKeyCredential;
  } catch (error) {
    throw new PersonProblem(whyNot(error instanceof DOMException ? error.name : ''));
  }
  throw new PersonProblem(whyNot(''));
}

/** The browser's names for what went wrong (WebAuthn §5.1.3, §5.1.4). It does not say whether somebody cancelled. */
export function whyNot(name: string): string {
  if (name === 'NotAllowedError' || name === 'AbortError') return 'Nothing was confirmed: it was cancelled, took too long, or there is no passkey of yours on this device. Try again, or use another way.';
  if (name === 'InvalidStateError') return 'This device has a passkey of yours already.';
  if (name === 'SecurityError') return 'Passkeys work only at the server’s own name. Open this page there.';
  if (name === 'NotSupportedError' || name === 'ConstraintError') return 'This device cannot make a passkey that works here.';
  return 'The browser could not use a passkey. Try again, or use another way.';
}

const descriptorOf = ({ id, transports }: Descriptor): PublicKeyCredentialDescriptor => ({
  type: 'public-key',
  id: bytesOf(id),
  transports: transports as AuthenticatorTransport[],
});

/** Base64url without padding, as the server writes bytes. */
export function bytesOf(text: string): Uint8Array<ArrayBuffer> {
  const binary = atob(text.replaceAll('-', '+').replaceAll('_', '/'));
  return Uint8Array.from(binary, (letter) => letter.charCodeAt(0));
}

export function textOf(bytes: ArrayBuffer): string {
  const binary = Array.from(new Uint8Array(bytes), (byte) => String.fromCharCode(byte)).join('');
  return btoa(binary).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
}
