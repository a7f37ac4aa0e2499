// An authenticator of the browser's own, by its debugging protocol: it confirms everything at once.

/** Gives a page an authenticator of its device, as a fingerprint reader would be. */
export async function withAuthenticator(page, options = {}) {
  const cdp = await page.context().newCDPSession(page);
  await cdp.send('WebAuthn.enable');
  const { authenticatorId } = await cdp.send('WebAuthn.addVirtualAuthenticator', {
    options: { protocol: 'ctap2', transport: 'internal', hasResidentKey: true, hasUserVerification: true, isUserVerified: true, automaticPresenceSimulation: true, ...options },
  });
  return {
    /** What it holds, private keys too. */
    credentials: async () => (await cdp.send('WebAuthn.getCredentials', { authenticatorId })).credentials,
    /** Puts a credential of another authenticator in: a copy. */
    add: (credential) => cdp.send('WebAuthn.addCredential', { authenticatorId, credential }),
    clear: () => cdp.send('WebAuthn.clearCredentials', { authenticatorId }),
  };
}

/** Has the page's browser sign what a sign-in was asked, with this credential; gives the body to send. */
export const answer = (page, asked, credentialId) => page.evaluate(async ([question, id]) => {
  const bytes = (text) => Uint8Array.from(atob(text.replaceAll('-', '+').replaceAll('_', '/')), (letter) => letter.charCodeAt(0));
  const text = (buffer) => btoa(String.fromCharCode(...new Uint8Array(buffer))).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
  const { rawId, response } = await navigator.credentials.get({
    publicKey: { challenge: bytes(question.challenge), rpId: question.rp_id, allowCredentials: [{ type: 'public-key', id: bytes(id) }] },
  });
  return {
    credential_id: text(rawId), client_data: text(response.clientDataJSON), authenticator_data: text(response.authenticatorData),
    signature: text(response.signature), user_handle: response.userHandle ? text(response.userHandle) : null,
  };
}, [asked, credentialId]);

/** The protocol writes base64, the API base64url. */
export const urlSafe = (text) => text.replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
