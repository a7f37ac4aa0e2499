/** The seam to JsSIP: the part of its user agent the engine uses, and how the real one is made. */
import { UA } from 'jssip';
import type { RTCSession } from 'jssip/lib/RTCSession';
import type { SipSocket } from './socket.ts';

export interface UserAgentOptions {
  uri: string;
  displayName: string;
  /** UUID for `+sip.instance` (RFC 5626): the same only for the same page reloaded. */
  instanceId: string;
  socket: SipSocket;
}

/** What the engine needs of a SIP user agent; tests bring their own. */
export interface UserAgent {
  start(): void;
  stop(): void;
  register(): void;
  call(target: string, options: object): RTCSession;
  isRegistered(): boolean;
  isConnected(): boolean;
  on(event: string, listener: (event: never) => void): unknown;
}

export type CreateUserAgent = (options: UserAgentOptions) => UserAgent;

export const createJsSipUserAgent: CreateUserAgent = ({ uri, displayName, instanceId, socket }) =>
  new UA({
    sockets: [socket as never],
    uri,
    display_name: displayName,
    instance_id: instanceId,
    register: true,
    register_expires: 300,
    connection_recovery_min_interval: 1,
    connection_recovery_max_interval: 15,
    // The socket and ICE consent watch the call already, and a refresh that falls into a reconnect would end it.
    session_timers: false,
    user_agent: 'Ringfence phone',
  }) as unknown as UserAgent;
