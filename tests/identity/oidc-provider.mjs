// An OpenID Connect provider (npm oidc-provider, certified) on free ports of this machine, once each with the habits of
// Google, Microsoft, Apple and of nobody in particular. Prints one JSON line: per kind its issuer, client id, client
// secret or key. Whoever is named by `login_hint` is signed in at once:
//
//   ada             ada@example.com, email_verified true     (at Microsoft by xms_edov)
//   unverified-bob  bob@example.com, email_verified false
//   text-eve        eve@example.com, email_verified "true"   (a text, which only Apple may send)
//   ID,EMAIL,FLAG   any other: FLAG is true, false or text; without EMAIL and FLAG as ada
//   deny            refuses, as one who presses Cancel
//
// Without a hint a form asks. `node oidc-provider.mjs REDIRECT_URI…`; ends when standard input does.
import { createServer } from 'node:http'
import { createPublicKey, generateKeyPairSync, verify } from 'node:crypto'
import { Provider, errors } from 'oidc-provider'

// Standard output is for our own lines; what the package has to say goes elsewhere.
console.info = console.error

const tenant = '72f988bf-86f1-41af-91ab-2d7cd011db47'
const redirects = process.argv.slice(2)
if (redirects.length === 0) redirects.push('http://127.0.0.1/callback')
const flags = { true: true, false: false, text: 'true' }
const known = {
  ada: ['ada', 'ada@example.com', 'true'],
  'unverified-bob': ['bob', 'bob@example.com', 'false'],
  'text-eve': ['eve', 'eve@example.com', 'text'],
}
const accounts = new Map()

// The account a hint names, from now on known by its id.
function signIn(hint) {
  const [id, email = `${id}@example.com`, flag = 'true'] = known[hint] ?? hint.split(',')
  accounts.set(id, { name: `${id[0].toUpperCase()}${id.slice(1)}`, email, flag: flags[flag] })
  return id
}

// As JWK at once: exporting a key object right after it was made stands still for ever now and then (Node 20, two locks).
const key = (kty, kid) => {
  const encoding = { publicKeyEncoding: { type: 'spki', format: 'jwk' }, privateKeyEncoding: { type: 'pkcs8', format: 'jwk' } }
  const { privateKey } = kty === 'RSA'
    ? generateKeyPairSync('rsa', { modulusLength: 2048, ...encoding })
    : generateKeyPairSync('ec', { namedCurve: 'P-256', ...encoding })
  return { ...privateKey, kid, use: 'sig', alg: kty === 'RSA' ? 'RS256' : 'ES256' }
}

// What Apple gives a developer: the client's secret is a token signed with this key, made for each request.
const developer = generateKeyPairSync('ec', { namedCurve: 'P-256', privateKeyEncoding: { type: 'pkcs8', format: 'pem' }, publicKeyEncoding: { type: 'spki', format: 'pem' } })
const team = { team_id: 'TEAM123456', key_id: 'KEY1234567', private_key: developer.privateKey }

function isAssertion(text, client) {
  const [head, body, signature] = (text ?? '').split('.')
  if (!signature) return false
  const { alg, kid } = JSON.parse(Buffer.from(head, 'base64url'))
  const { iss, sub, exp, iat } = JSON.parse(Buffer.from(body, 'base64url'))
  const now = Date.now() / 1000
  const key = { key: createPublicKey(developer.publicKey), dsaEncoding: 'ieee-p1363' }
  return alg === 'ES256' && kid === team.key_id && iss === team.team_id && sub === client.client_id
    && iat <= now + 5 && exp > now && verify('sha256', Buffer.from(`${head}.${body}`), key, Buffer.from(signature, 'base64url'))
}

/** Reads a form and puts the secret that the provider knows in the place of a good assertion. */
async function accept(request, client) {
  const chunks = []
  for await (const chunk of request) chunks.push(chunk)
  const form = Object.fromEntries(new URLSearchParams(Buffer.concat(chunks).toString()))
  if (isAssertion(form.client_secret, client)) form.client_secret = client.client_secret
  request.body = form
}

async function start(kind) {
  const server = createServer()
  await new Promise(done => server.listen(0, '127.0.0.1', done))
  const base = `http://127.0.0.1:${server.address().port}`
  const path = kind === 'microsoft' ? `/${tenant}/v2.0` : ''
  const client = { client_id: `rf-${kind}`, client_secret: `secret-of-${kind}+/%&` }
  const alg = kind === 'generic' ? 'ES256' : 'RS256'
  // Google, Microsoft and Apple put the address into the ID token; others leave it to userinfo.
  const inToken = kind !== 'generic'

  const provider = new Provider(base + path, {
    clients: [{
      ...client,
      redirect_uris: redirects,
      response_types: ['code'],
      grant_types: ['authorization_code'],
      id_token_signed_response_alg: alg,
      token_endpoint_auth_method: kind === 'generic' ? 'client_secret_basic' : 'client_secret_post',
    }],
    clientAuthMethods: kind === 'generic' ? ['client_secret_basic'] : ['client_secret_post'],
    jwks: { keys: [key('RSA', `${kind}-rsa`), key('EC', `${kind}-ec`)] },
    cookies: { keys: ['only for tests'] },
    conformIdTokenClaims: !inToken,
    pkce: { required: () => true },
    claims: {
      openid: kind === 'microsoft' ? ['sub', 'tid'] : ['sub'],
      email: ['email', 'email_verified', 'xms_edov'],
      profile: ['name'],
      name: [],
    },
    scopes: ['openid', 'email', 'profile', 'name'],
    features: { devInteractions: { enabled: false }, userinfo: { enabled: kind !== 'apple' } },
    findAccount: (_, id) => ({
      accountId: id,
      claims() {
        const { name, email, flag } = accounts.get(id)
        const verified = kind === 'microsoft' ? { tid: tenant, xms_edov: flag } : { email_verified: flag }
        return { sub: id, name: `${name} of ${kind}`, email, ...verified }
      },
    }),
    interactions: { url: (_, interaction) => `${path}/interaction/${interaction.uid}` },
    // Consent is not asked for: whoever signs in has agreed.
    async loadExistingGrant(ctx) {
      const grant = new ctx.oidc.provider.Grant({
        clientId: ctx.oidc.client.clientId,
        accountId: ctx.oidc.session.accountId,
      })
      grant.addOIDCScope('openid email profile name')
      grant.addOIDCClaims(['sub', 'tid', 'email', 'email_verified', 'xms_edov', 'name'])
      await grant.save()
      return grant
    },
    ttl: { AccessToken: 300, AuthorizationCode: 60, IdToken: 300, Grant: 300, Interaction: 300, Session: 300 },
  })
  const handle = provider.callback()

  const interact = async (request, response) => {
    const details = await provider.interactionDetails(request, response)
    const posted = new URL(request.url, base).searchParams.get('login')
    const hint = posted ?? details.params.login_hint
    if (hint === 'deny') {
      const result = { error: 'access_denied', error_description: 'the person pressed Cancel' }
      return provider.interactionFinished(request, response, result)
    }
    if (hint) {
      return provider.interactionFinished(request, response, { login: { accountId: signIn(hint), remember: false } })
    }
    response.setHeader('content-type', 'text/html')
    response.end(`<!doctype html><title>${kind}</title><form><label>Who <input name=login></label><button>Sign in</button></form>`)
  }

  // Microsoft's shared document names no tenant.
  const microsoftDocument = async response => {
    const own = await fetch(`${base}${path}/.well-known/openid-configuration`)
    response.setHeader('content-type', 'application/json')
    const { authorization_response_iss_parameter_supported: _, ...document } = await own.json()
    response.end(JSON.stringify({ ...document, issuer: `${base}/{tenantid}/v2.0` }))
  }

  server.on('request', (request, response) => {
    const failed = error => {
      console.error(kind, request.method, request.url, error)
      response.statusCode = error instanceof errors.OIDCProviderError ? 400 : 500
      response.end()
    }
    if (request.url === '/common/v2.0/.well-known/openid-configuration') return microsoftDocument(response).catch(failed)
    if (!request.url.startsWith(`${path}/`)) {
      response.statusCode = 404
      return response.end()
    }
    if (request.url.startsWith(`${path}/interaction/`)) return interact(request, response).catch(failed)
    request.originalUrl = request.url
    request.url = request.url.slice(path.length)
    if (kind === 'apple' && request.method === 'POST' && request.url === '/token') {
      return accept(request, client).then(() => handle(request, response)).catch(failed)
    }
    return handle(request, response)
  })

  const issuer = kind === 'microsoft' ? `${base}/common/v2.0` : base
  return { origin: base, issuer, tokenIssuer: base + path, ...client, ...(kind === 'apple' ? team : {}) }
}

const kinds = ['google', 'microsoft', 'apple', 'generic']
const started = await Promise.all(kinds.map(start))
console.log(JSON.stringify(Object.fromEntries(kinds.map((kind, index) => [kind, started[index]]))))
process.stdin.resume()
process.stdin.on('end', () => process.exit(0))
