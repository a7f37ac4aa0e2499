// The two SIP libraries behind one small interface, unmodified, in the page: `new phones.Phone('jssip' | 'sipjs', options)`.
// Options: { url, user, domain, token | password, earlyMedia }. Everything that happens is noted in `phone.events`;
// the current call's end is in `phone.ended`: { code, cause, reason, by }.
import JsSIP from 'jssip';
import * as SIP from 'sip.js';

const rtc = { iceServers: [] };
const reasonOf = (message) => message?.getHeader?.('Reason') ?? null;

class Base {
  constructor(options) {
    this.options = options;
    this.events = [];
    this.ended = null;
    this.incoming = 0;
  }

  note(name, detail) { this.events.push(detail === undefined ? name : `${name} ${detail}`); }

  saw(name) { return this.events.includes(name); }

  begin() {
    this.ended = null;
    this.events = this.events.filter((event) => event === 'registered');
    window.ears?.forget();
  }

  address(target) { return target.startsWith('sip:') ? target : `sip:${target}@${this.options.domain ?? 'ringfence'}`; }

  uri() { return `sip:${this.options.user}@${this.options.domain ?? 'ringfence'}`; }
}

class JsSipPhone extends Base {
  start() {
    const { url, user, token, password } = this.options;
    this.ua = new JsSIP.UA({
      sockets: [new JsSIP.WebSocketInterface(url)], uri: this.uri(), register: true, connection_recovery_min_interval: 60,
      ...(token ? { authorization_jwt: `Bearer ${token}` } : { authorization_user: user, password }),
      ...this.options.jssip,
    });
    this.ua.on('connected', () => this.note('connected'));
    this.ua.on('disconnected', (event) => this.note('disconnected', event.code ?? ''));
    this.ua.on('registered', () => this.note('registered'));
    this.ua.on('unregistered', () => this.note('unregistered'));
    this.ua.on('registrationFailed', ({ cause, response }) => this.note('registration failed', response?.status_code ?? cause));
    this.ua.on('newRTCSession', ({ originator, session, request }) => {
      if (originator === 'remote') {
        this.begin();
        this.from = request.from.uri.user;
        this.note('incoming');
        this.incoming += 1;
      }
      this.follow(session);
    });
    this.ua.start();
  }

  stop() { this.ua.stop(); }

  follow(session) {
    this.session = session;
    for (const name of ['progress', 'accepted', 'confirmed', 'hold', 'unhold', 'reinvite', 'update']) session.on(name, (event) => this.note(name, name === 'progress' && event.originator === 'remote' ? event.response?.status_code : undefined));
    session.on('newDTMF', ({ originator, dtmf }) => { if (originator === 'remote') this.note('digit', dtmf.tone); });
    session.on('sdp', (event) => { if (this.changeSdp) this.changeSdp(event); });
    const end = ({ originator, message, cause }) => {
      this.ended = { code: message?.status_code ?? null, phrase: message?.reason_phrase ?? null, reason: reasonOf(message), cause, by: originator };
    };
    session.on('ended', end);
    session.on('failed', end);
  }

  call(target) {
    this.begin();
    this.ua.call(this.address(target), { mediaConstraints: { audio: true, video: false }, pcConfig: rtc });
  }

  answer() { this.session.answer({ mediaConstraints: { audio: true, video: false }, pcConfig: rtc }); }

  reject(code = 486) { this.session.terminate({ status_code: code }); }

  hangup() { this.session.terminate(); }

  hold() { this.session.hold(); }

  unhold() { this.session.unhold(); }

  mute(on) { if (on) this.session.mute({ audio: true }); else this.session.unmute({ audio: true }); }

  dtmf(digits, way) { this.session.sendDTMF(digits, { transportType: way === 'info' ? 'INFO' : 'RFC2833', duration: 100, interToneGap: 100 }); }
}

class SipJsPhone extends Base {
  async start() {
    const { url, user, token, password } = this.options;
    this.headers = token ? [`Authorization: Bearer ${token}`] : [];
    this.ua = new SIP.UserAgent({
      uri: SIP.UserAgent.makeURI(this.uri()), transportOptions: { server: url }, logLevel: 'warn',
      ...(token ? {} : { authorizationUsername: user, authorizationPassword: password }),
      sessionDescriptionHandlerFactoryOptions: { iceGatheringTimeout: 500, peerConnectionConfiguration: rtc },
      delegate: {
        onConnect: () => this.note('connected'),
        onDisconnect: (error) => this.note('disconnected', error?.message ?? ''),
        onInvite: (invitation) => {
          this.begin();
          this.from = invitation.remoteIdentity.uri.user;
          this.note('incoming');
          this.incoming += 1;
          this.follow(invitation);
        },
      },
    });
    await this.ua.start();
    this.registerer = new SIP.Registerer(this.ua, { extraHeaders: this.headers });
    await this.registerer.register({
      requestDelegate: {
        onAccept: () => this.note('registered'),
        onReject: (response) => this.note('registration failed', response.message.statusCode),
      },
    });
  }

  stop() { this.ua.stop(); }

  follow(session) {
    this.session = session;
    session.delegate = {
      onBye: (bye) => {
        bye.accept();
        this.ended = { code: null, phrase: null, reason: bye.request.getHeader('Reason') ?? null, cause: 'BYE', by: 'remote' };
      },
      onCancel: (cancel) => { this.ended = { code: null, phrase: null, reason: cancel.request.getHeader('Reason') ?? null, cause: 'CANCEL', by: 'remote' }; },
      onInfo: (info) => { info.accept(); this.note('digit', /Signal=\s*(\S)/.exec(info.request.body)?.[1]); },
    };
    session.stateChange.addListener((state) => {
      if (state === 'Established') this.note('confirmed');
      if (state === 'Terminated') this.ended ??= { code: null, phrase: null, reason: null, cause: 'Terminated', by: 'local' };
    });
  }

  call(target) {
    this.begin();
    const inviter = new SIP.Inviter(this.ua, SIP.UserAgent.makeURI(this.address(target)), {
      earlyMedia: true, extraHeaders: this.headers,
      sessionDescriptionHandlerOptions: { constraints: { audio: true, video: false } },
    });
    this.follow(inviter);
    inviter.invite({
      requestDelegate: {
        onProgress: (response) => this.note('progress', response.message.statusCode),
        onAccept: () => this.note('accepted'),
        onReject: (response) => {
          this.ended = { code: response.message.statusCode, phrase: response.message.reasonPhrase, reason: response.message.getHeader('Reason') ?? null, cause: 'rejected', by: 'remote' };
        },
      },
    });
  }

  answer() { this.session.accept({ sessionDescriptionHandlerOptions: { constraints: { audio: true, video: false } } }); }

  reject(code = 486) { this.session.reject({ statusCode: code }); }

  hangup() {
    if (this.session.state === 'Established') return this.session.bye();
    return this.session instanceof SIP.Inviter ? this.session.cancel() : this.session.reject();
  }

  /** As SIP.js's own SessionManager does it: the direction changes and the microphone goes quiet. */
  async setHold(hold) {
    this.mute(hold);
    this.session.sessionDescriptionHandlerOptionsReInvite = { hold };
    await this.session.invite({ requestDelegate: { onAccept: () => this.note(hold ? 'hold' : 'unhold'), onReject: (r) => this.note('hold refused', r.message.statusCode) } });
  }

  hold() { return this.setHold(true); }

  unhold() { return this.setHold(false); }

  mute(on) {
    for (const sender of this.session.sessionDescriptionHandler.peerConnection.getSenders()) if (sender.track) sender.track.enabled = !on;
  }

  async dtmf(digits, way) {
    if (way !== 'info') { this.session.sessionDescriptionHandler.sendDtmf(digits, { duration: 100, interToneGap: 100 }); return; }
    for (const digit of digits) {
      await this.session.info({ requestOptions: { body: { contentDisposition: 'render', contentType: 'application/dtmf-relay', content: `Signal=${digit}\r\nDuration=100` } } });
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
  }
}

export function Phone(library, options) {
  return library === 'jssip' ? new JsSipPhone(options) : new SipJsPhone(options);
}
export { JsSIP, SIP };
