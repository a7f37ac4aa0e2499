//! All transactions of one flow: finds the one a message belongs to, bounds their number.

use super::client::{ClientEffect, ClientTransaction};
use super::deadlines::Deadlines;
use super::key::{Key, MergeKey};
use super::server::{ServerEffect, ServerInput, ServerTransaction};
use super::timing::Timing;
use crate::sip::message::{Message, Method, Request, Response, StatusCode};
use std::collections::{HashMap, VecDeque};
use std::time::Instant;

/// Names a transaction of one flow; never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TransactionId(u64);

/// What the transaction layer tells the user agent.
#[derive(Debug)]
pub enum TransactionEvent<O> {
    /// A new request; answer with [`Transactions::respond`].
    Requested {
        /// The server transaction.
        id: TransactionId,
        /// The request.
        request: Request,
    },
    /// The same request came by another way (RFC 3261 §8.2.2.2).
    Merged {
        /// The server transaction of the second copy.
        id: TransactionId,
        /// The request.
        request: Request,
    },
    /// An ACK that belongs to a dialog, or to nothing.
    Acknowledged {
        /// The ACK.
        request: Request,
    },
    /// A response to one of our requests, told once.
    Responded {
        /// The client transaction.
        id: TransactionId,
        /// As given to [`Transactions::send`].
        owner: O,
        /// The response.
        response: Response,
        /// The request, with any final response except a 2xx to INVITE.
        request: Option<Request>,
    },
    /// Nobody answered one of our requests in 64·T1.
    TimedOut {
        /// The client transaction.
        id: TransactionId,
        /// As given to [`Transactions::send`].
        owner: O,
        /// The request.
        request: Request,
    },
}

/// What the transaction layer wants done.
#[expect(clippy::large_enum_variant, reason = "taken out at once, never kept in numbers")]
#[derive(Debug)]
pub enum TransactionOutput<O> {
    /// Send these bytes on the flow.
    Transmit(Vec<u8>),
    /// Tell the user agent.
    Event(TransactionEvent<O>),
}

/// The flow has as many transactions as it may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("too many transactions on this flow")]
pub struct TransactionsFull;

/// The transactions of one flow. `O` is the user agent's own mark on each request it sends.
#[derive(Debug)]
pub struct Transactions<O> {
    timing: Timing,
    count_max: usize,
    next_id: u64,
    clients: HashMap<TransactionId, ClientEntry<O>>,
    client_keys: HashMap<Key, TransactionId>,
    servers: HashMap<TransactionId, ServerEntry>,
    server_keys: HashMap<Key, TransactionId>,
    merge_keys: HashMap<MergeKey, TransactionId>,
    deadlines: Deadlines<TransactionId>,
    outputs: VecDeque<TransactionOutput<O>>,
}

#[derive(Debug)]
struct ClientEntry<O> {
    owner: O,
    transaction: ClientTransaction,
    key: Key,
}

#[derive(Debug)]
struct ServerEntry {
    transaction: ServerTransaction,
    key: Key,
    merge_key: Option<MergeKey>,
    call_id: String,
}

impl<O: Copy> Transactions<O> {
    /// None yet. Requests that end something (BYE, CANCEL) may go to twice `count_max`, so that
    /// a full flow can still be emptied.
    #[must_use]
    pub fn new(timing: Timing, count_max: usize) -> Self {
        Self {
            timing,
            count_max,
            next_id: 0,
            clients: HashMap::new(),
            client_keys: HashMap::new(),
            servers: HashMap::new(),
            server_keys: HashMap::new(),
            merge_keys: HashMap::new(),
            deadlines: Deadlines::new(),
            outputs: VecDeque::new(),
        }
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.clients.len() + self.servers.len()
    }

    /// Sends a request whose top Via has a fresh branch, in a client transaction of its own.
    ///
    /// # Errors
    /// When the flow is at its bound.
    pub fn send(
        &mut self,
        now: Instant,
        request: Request,
        owner: O,
    ) -> Result<TransactionId, TransactionsFull> {
        if self.is_full_for(&request) {
            return Err(TransactionsFull);
        }
        let Some(key) = Key::of_request(&request) else {
            debug_assert!(false, "RFC 3261 8.1.1: a request has Via, Call-ID, CSeq and From");
            return Err(TransactionsFull);
        };
        let id = self.mint_id();
        let transaction = ClientTransaction::new(now, request, self.timing);
        self.push_effect(id, owner, transaction.copy());
        self.deadlines.set(id, transaction.deadline());
        self.clients.insert(id, ClientEntry { owner, transaction, key: key.clone() });
        self.client_keys.insert(key, id);
        Ok(id)
    }

    /// Answers a request.
    pub fn respond(&mut self, now: Instant, id: TransactionId, response: &Response) {
        let mut bytes = Vec::new();
        response.write(&mut bytes);
        self.run_server(now, id, ServerInput::Respond(response.status, bytes));
    }

    /// The request of a client transaction that is still open.
    #[must_use]
    pub fn request(&self, id: TransactionId) -> Option<&Request> {
        self.clients.get(&id).map(|client| client.transaction.request())
    }

    /// Sends the ACK of a 2xx and keeps it for copies of that 2xx.
    pub fn acknowledge(&mut self, id: TransactionId, to_tag: &str, ack: &Request) {
        let mut bytes = Vec::new();
        ack.write(&mut bytes);
        self.outputs.push_back(TransactionOutput::Transmit(bytes.clone()));
        if let Some(client) = self.clients.get_mut(&id) {
            client.transaction.remember_ack(to_tag, bytes);
        }
    }

    /// The server transaction of the INVITE that `cancel` is about.
    #[must_use]
    pub fn cancelled_by(&self, cancel: &Request) -> Option<TransactionId> {
        let id = *self.server_keys.get(&Key::of_cancelled(cancel)?)?;
        let entry = self.servers.get(&id)?;
        (cancel.headers.call_id() == Some(entry.call_id.as_str())).then_some(id)
    }

    /// Forgets a client transaction nobody will answer (RFC 3261 §9.1).
    pub fn forget(&mut self, id: TransactionId) {
        self.remove(id);
    }

    /// Takes a message from the flow.
    pub fn receive(&mut self, now: Instant, message: Message) {
        match message {
            Message::Request(request) if request.method == Method::Ack => {
                self.receive_ack(now, request)
            }
            Message::Request(request) => self.receive_request(now, request),
            Message::Response(response) => self.receive_response(now, response),
        }
    }

    /// Sends again what the peer may have missed when its connection was lost.
    pub fn resend_waiting(&mut self, now: Instant) {
        let mut clients: Vec<_> = self.clients.keys().copied().collect();
        clients.sort_unstable();
        for id in clients {
            let Some(client) = self.clients.get(&id) else { continue };
            if client.transaction.is_waiting() {
                let (owner, copy) = (client.owner, client.transaction.copy());
                self.push_effect(id, owner, copy);
            }
        }
        let mut servers: Vec<_> = self.servers.keys().copied().collect();
        servers.sort_unstable();
        for id in servers {
            self.run_server(now, id, ServerInput::Resend);
        }
    }

    /// The next thing to do.
    pub fn poll_output(&mut self) -> Option<TransactionOutput<O>> {
        self.outputs.pop_front()
    }

    /// When [`Transactions::handle_timeout`] is due.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.deadlines.first()
    }

    /// Runs the timers that are due.
    pub fn handle_timeout(&mut self, now: Instant) {
        while let Some(id) = self.deadlines.take_due(now) {
            if let Some(client) = self.clients.get_mut(&id) {
                let owner = client.owner;
                if let Some(effect) = client.transaction.handle_timer(now) {
                    self.push_effect(id, owner, effect);
                }
                self.settle_client(now, id);
            } else {
                self.run_server(now, id, ServerInput::Timer);
            }
        }
    }

    fn receive_request(&mut self, now: Instant, request: Request) {
        let Some(key) = Key::of_request(&request) else { return };
        if let Some(id) = self.server_keys.get(&key).copied() {
            return self.run_server(now, id, ServerInput::Copy);
        }
        if self.is_full_for(&request) {
            return self.refuse_overload(&request);
        }
        let id = self.mint_id();
        let merge_key = MergeKey::of_request(&request);
        let is_merged = merge_key.as_ref().is_some_and(|key| self.merge_keys.contains_key(key));
        let entry = ServerEntry {
            transaction: ServerTransaction::new(request.method == Method::Invite, self.timing),
            key: key.clone(),
            merge_key: merge_key.clone().filter(|_| !is_merged),
            call_id: request.headers.call_id().unwrap_or_default().to_owned(),
        };
        self.servers.insert(id, entry);
        self.server_keys.insert(key, id);
        let event = if is_merged {
            TransactionEvent::Merged { id, request }
        } else {
            if let Some(key) = merge_key {
                self.merge_keys.insert(key, id);
            }
            TransactionEvent::Requested { id, request }
        };
        self.outputs.push_back(TransactionOutput::Event(event));
    }

    fn receive_ack(&mut self, now: Instant, request: Request) {
        let id = Key::of_request(&request).and_then(|key| self.server_keys.get(&key).copied());
        let is_absorbed = id.is_some_and(|id| {
            self.servers.get_mut(&id).is_some_and(|entry| {
                let effect = entry.transaction.handle(now, ServerInput::Ack);
                !matches!(effect, ServerEffect::PassAck)
            })
        });
        if let Some(id) = id {
            self.settle_server(now, id);
        }
        if !is_absorbed {
            self.outputs
                .push_back(TransactionOutput::Event(TransactionEvent::Acknowledged { request }));
        }
    }

    fn receive_response(&mut self, now: Instant, response: Response) {
        // A response for us has only our own Via (RFC 3261 §8.1.3.3).
        if response.headers.vias().len() != 1 {
            return;
        }
        let Some(id) = self.client_of(&response) else { return };
        let Some(client) = self.clients.get_mut(&id) else { return };
        let owner = client.owner;
        for effect in client.transaction.handle_response(now, response) {
            self.push_effect(id, owner, effect);
        }
        self.settle_client(now, id);
    }

    fn client_of(&self, response: &Response) -> Option<TransactionId> {
        let branch = response.headers.via()?.branch()?.to_owned();
        let method = response.headers.cseq()?.method;
        self.client_keys.get(&Key::Branch(branch, method)).copied()
    }

    fn run_server(&mut self, now: Instant, id: TransactionId, input: ServerInput) {
        let Some(entry) = self.servers.get_mut(&id) else { return };
        match entry.transaction.handle(now, input) {
            ServerEffect::Transmit(bytes) => {
                self.outputs.push_back(TransactionOutput::Transmit(bytes))
            }
            ServerEffect::None | ServerEffect::PassAck => {}
        }
        self.settle_server(now, id);
    }

    /// Ends a transaction whose last wait is over, which on a reliable transport is at once.
    fn settle_server(&mut self, now: Instant, id: TransactionId) {
        let Some(entry) = self.servers.get_mut(&id) else { return };
        if entry.transaction.deadline().is_some_and(|at| at <= now) {
            entry.transaction.handle(now, ServerInput::Timer);
        }
        let (is_over, deadline) = (entry.transaction.is_terminated(), entry.transaction.deadline());
        if is_over { self.remove(id) } else { self.deadlines.set(id, deadline) }
    }

    fn settle_client(&mut self, now: Instant, id: TransactionId) {
        let Some(ClientEntry { transaction: client, .. }) = self.clients.get_mut(&id) else {
            return;
        };
        if !client.is_waiting() && client.deadline().is_some_and(|at| at <= now) {
            client.handle_timer(now);
        }
        let (is_over, deadline) = (client.is_terminated(), client.deadline());
        if is_over { self.remove(id) } else { self.deadlines.set(id, deadline) }
    }

    fn remove(&mut self, id: TransactionId) {
        self.deadlines.set(id, None);
        if let Some(client) = self.clients.remove(&id) {
            self.client_keys.remove(&client.key);
        }
        if let Some(entry) = self.servers.remove(&id) {
            self.server_keys.remove(&entry.key);
            if let Some(key) = entry.merge_key {
                self.merge_keys.remove(&key);
            }
        }
    }

    fn is_full_for(&self, request: &Request) -> bool {
        let is_closing = matches!(request.method, Method::Bye | Method::Cancel | Method::Prack);
        let count_max = if is_closing { self.count_max.saturating_mul(2) } else { self.count_max };
        self.count() >= count_max
    }

    fn refuse_overload(&mut self, request: &Request) {
        let mut response = request.reply(StatusCode::SERVICE_UNAVAILABLE);
        response.headers.push("Retry-After", "5");
        if let Some(to) = response.headers.get("To").map(str::to_owned)
            && request.headers.to().is_some_and(|to| to.tag().is_none())
        {
            response.headers.insert("To", format!("{to};tag=overload"));
        }
        let mut bytes = Vec::new();
        response.write(&mut bytes);
        self.outputs.push_back(TransactionOutput::Transmit(bytes));
    }

    fn push_effect(&mut self, id: TransactionId, owner: O, effect: ClientEffect) {
        self.outputs.push_back(match effect {
            ClientEffect::Transmit(bytes) => TransactionOutput::Transmit(bytes),
            ClientEffect::Deliver(response, request) => {
                TransactionOutput::Event(TransactionEvent::Responded {
                    id,
                    owner,
                    response,
                    request,
                })
            }
            ClientEffect::TimeOut(request) => {
                TransactionOutput::Event(TransactionEvent::TimedOut { id, owner, request })
            }
        });
    }

    fn mint_id(&mut self) -> TransactionId {
        self.next_id += 1;
        TransactionId(self.next_id)
    }
}
