// A mail server (npm smtp-server) that keeps nothing and tells everything. `node smtp-sink.mjs [CERTIFICATE KEY]` prints
// one JSON line with its ports on 127.0.0.1: `plain` has no STARTTLS; with a certificate (PEM files) `starttls` offers
// it and `implicit` is TLS from the first byte. Then one JSON line per message, parsed by mailparser:
// {server, tls, user, from, to, replyTo, subject, text, html, headers, raw}.
//
// Who signs in must be `mailer` with `pass word`. A recipient later-N@… is refused N times with 451, never@… always with
// 550. Ends when standard input does.
import { readFileSync } from 'node:fs'
import { SMTPServer } from 'smtp-server'
import { simpleParser } from 'mailparser'

const [certificate, key] = process.argv.slice(2)
const refusals = new Map()

function refusal(address) {
  const local = address.split('@')[0]
  if (local === 'never') return Object.assign(new Error(`no such mailbox ${address}`), { responseCode: 550 })
  const times = Number(/^later-(\d+)$/.exec(local)?.[1] ?? 0)
  const before = refusals.get(address) ?? 0
  if (before >= times) return null
  refusals.set(address, before + 1)
  return Object.assign(new Error(`try ${address} later`), { responseCode: 451 })
}

async function start(name, options) {
  const server = new SMTPServer({
    logger: false,
    authOptional: true,
    disableReverseLookup: true,
    onAuth({ username, password }, _session, done) {
      if (username === 'mailer' && password === 'pass word') return done(null, { user: username })
      done(new Error('wrong name or password'))
    },
    onRcptTo({ address }, _session, done) {
      done(refusal(address))
    },
    async onData(stream, session, done) {
      const chunks = []
      for await (const chunk of stream) chunks.push(chunk)
      const raw = Buffer.concat(chunks)
      const mail = await simpleParser(raw, { skipTextToHtml: true })
      console.log(JSON.stringify({
        server: name,
        tls: session.secure,
        user: session.user || null,
        from: session.envelope.mailFrom.address,
        to: session.envelope.rcptTo.map(to => to.address),
        replyTo: mail.replyTo?.value.map(to => to.address) ?? [],
        subject: mail.subject,
        text: mail.text,
        html: mail.html || null,
        headers: mail.headerLines.map(header => header.line),
        raw: raw.toString('latin1'),
      }))
      done()
    },
    ...options,
  })
  server.on('error', error => console.error(name, error.message))
  await new Promise(ready => server.listen(0, '127.0.0.1', ready))
  return server.server.address().port
}

const tls = certificate ? { cert: readFileSync(certificate), key: readFileSync(key) } : null
console.log(JSON.stringify({
  plain: await start('plain', { hideSTARTTLS: true, disabledCommands: ['STARTTLS'], allowInsecureAuth: true }),
  starttls: tls && await start('starttls', tls),
  implicit: tls && await start('implicit', { ...tls, secure: true }),
}))
process.stdin.resume()
process.stdin.on('end', () => process.exit(0))
