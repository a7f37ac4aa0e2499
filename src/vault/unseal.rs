//! A sealed start: the server waits until somebody brings the root key.
//!
//! A Unix socket in the data folder, mode 600; the kernel says who is at the other end, and only
//! root and the user of this process are heard. One connection at a time, one line each way:
//!
//! ```text
//! unseal KEY    base64 or hexadecimal     →  ok | wrong | wait | bad
//! status                                  →  sealed KEY-ID | sealed new
//! ```
//!
//! Owns the socket and the protocol. Does not know what starts once the key is there.

use std::collections::VecDeque;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};
use tokio::time::timeout;
use zeroize::Zeroizing;

use super::root_key::{RootKey, our_uid};
use crate::base::limit::{UNSEAL_LINE_BYTES_MAX, UNSEAL_TIMEOUT, UNSEAL_TRIES_PER_MINUTE_MAX};
use crate::base::{Clock, Secret};

/// The socket's name in the data folder.
pub const CONTROL_SOCKET: &str = "control.sock";

const MINUTE: Duration = Duration::from_secs(60);

/// Why no key could be waited for or brought.
#[derive(Debug, thiserror::Error)]
pub enum UnsealError {
    /// The socket cannot be used.
    #[error("the control socket {path} cannot be used; is the server waiting for its key?")]
    Socket {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The other side speaks something else.
    #[error("the server's answer is not understood")]
    Answer,
}

/// What the server says to a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The server starts.
    Unsealed,
    /// The data was sealed with another key.
    Wrong,
    /// Too many tries; a minute later again.
    Wait,
    /// It is no key: not 32 bytes in base64 or hexadecimal, or not random.
    NotAKey,
}

impl Answer {
    fn word(self) -> &'static str {
        match self {
            Self::Unsealed => "ok",
            Self::Wrong => "wrong",
            Self::Wait => "wait",
            Self::NotAKey => "bad",
        }
    }
}

/// A server that waits for its root key.
pub struct Unseal {
    listener: UnixListener,
    path: PathBuf,
    /// The name of the key that the data wants; `None` in a new database, which takes any.
    expected: Option<String>,
    our_uid: u32,
    clock: Clock,
    tries: VecDeque<Instant>,
}

impl Unseal {
    /// Opens the socket in `folder`, which must be locked by this process.
    ///
    /// # Errors
    /// The socket cannot be made.
    pub fn bind(
        folder: &Path,
        expected: Option<String>,
        clock: Clock,
    ) -> Result<Self, UnsealError> {
        let path = folder.join(CONTROL_SOCKET);
        let bound = || {
            // Left by a server that was killed: the folder's lock says that nobody listens.
            match std::fs::remove_file(&path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                Ok(()) | Err(_) => {}
            }
            let listener = UnixListener::bind(&path)?;
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600))?;
            Ok((listener, our_uid()?))
        };
        let (listener, our_uid) =
            bound().map_err(|source| UnsealError::Socket { path: path.clone(), source })?;
        Ok(Self { listener, path, expected, our_uid, clock, tries: VecDeque::new() })
    }

    /// Waits for the right key and takes the socket away. Dropped, it stops waiting.
    ///
    /// # Errors
    /// The socket broke.
    pub async fn wait(mut self) -> Result<RootKey, UnsealError> {
        loop {
            let (stream, _) = self
                .listener
                .accept()
                .await
                .map_err(|source| UnsealError::Socket { path: self.path.clone(), source })?;
            // A peer that went away or says nothing is no reason to stop waiting.
            if let Ok(Ok(Some(key))) = timeout(UNSEAL_TIMEOUT, self.hear(stream)).await {
                return Ok(key);
            }
        }
    }

    async fn hear(&mut self, mut stream: UnixStream) -> io::Result<Option<RootKey>> {
        let uid = stream.peer_cred()?.uid();
        if uid != self.our_uid && uid != 0 {
            tracing::warn!(uid, "another user tried the control socket");
            return Ok(None);
        }
        let line = read_line(&mut stream).await?;
        let (answer, key) = match line.split_once(' ') {
            Some(("unseal", key)) => {
                let (answer, key) = self.judge(&Secret::new(key));
                (answer.word().to_owned(), key)
            }
            _ if line.as_str() == "status" => {
                (format!("sealed {}", self.expected.as_deref().unwrap_or("new")), None)
            }
            _ => (Answer::NotAKey.word().to_owned(), None),
        };
        stream.write_all(format!("{answer}\n").as_bytes()).await?;
        stream.shutdown().await?;
        Ok(key)
    }

    fn judge(&mut self, text: &Secret) -> (Answer, Option<RootKey>) {
        let now = self.clock.now();
        while self.tries.front().is_some_and(|at| now.duration_since(*at) >= MINUTE) {
            self.tries.pop_front();
        }
        if self.tries.len() >= usize::try_from(UNSEAL_TRIES_PER_MINUTE_MAX).unwrap_or(usize::MAX) {
            return (Answer::Wait, None);
        }
        self.tries.push_back(now);
        let Ok(key) = RootKey::parse(text) else { return (Answer::NotAKey, None) };
        match (&self.expected, key.id()) {
            (None, Ok(_)) => (Answer::Unsealed, Some(key)),
            (Some(expected), Ok(id)) if *expected == id => (Answer::Unsealed, Some(key)),
            (Some(_), _) | (None, Err(_)) => {
                tracing::warn!("a wrong root key was offered");
                (Answer::Wrong, None)
            }
        }
    }
}

impl Drop for Unseal {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

/// Brings a key to the server of `folder` (`ringfence vault unseal`).
///
/// # Errors
/// No server waits there.
pub async fn offer(folder: &Path, key: &Secret) -> Result<Answer, UnsealError> {
    let path = folder.join(CONTROL_SOCKET);
    let line = Zeroizing::new(format!("unseal {}\n", key.expose().trim()));
    let ask = async {
        let mut stream = UnixStream::connect(&path).await?;
        stream.write_all(line.as_bytes()).await?;
        read_line(&mut stream).await
    };
    let late = |_| io::Error::from(io::ErrorKind::TimedOut);
    let answer = timeout(UNSEAL_TIMEOUT, ask).await.map_err(late).and_then(|answer| answer);
    let answer = answer.map_err(|source| UnsealError::Socket { path: path.clone(), source })?;
    [Answer::Unsealed, Answer::Wrong, Answer::Wait, Answer::NotAKey]
        .into_iter()
        .find(|known| known.word() == answer.as_str())
        .ok_or(UnsealError::Answer)
}

/// A line without its end, of bounded length; wiped when dropped.
async fn read_line(stream: &mut UnixStream) -> io::Result<Zeroizing<String>> {
    let mut line = Zeroizing::new(Vec::with_capacity(UNSEAL_LINE_BYTES_MAX));
    while line.len() < UNSEAL_LINE_BYTES_MAX {
        match stream.read_u8().await {
            Ok(b'\n') => break,
            Ok(byte) => line.push(byte),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => break,
            Err(error) => return Err(error),
        }
    }
    let text = std::str::from_utf8(&line).map_err(|_| io::ErrorKind::InvalidData)?;
    Ok(Zeroizing::new(text.trim_end_matches('\r').to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::UnixTime;

    /// 32 bytes that pass for random.
    fn key(first: u8) -> (Secret, String) {
        let mut text = format!("{first:02x}");
        for i in 1..32_u32 {
            text.push_str(&format!("{:02x}", (i * i * 7 % 251) as u8 ^ 0xa5));
        }
        let secret = Secret::new(text);
        let id = RootKey::parse(&secret).unwrap().id().unwrap();
        (secret, id)
    }

    async fn say(folder: &Path, line: &str) -> String {
        let mut stream = UnixStream::connect(folder.join(CONTROL_SOCKET)).await.unwrap();
        stream.write_all(line.as_bytes()).await.unwrap();
        read_line(&mut stream).await.unwrap().to_string()
    }

    #[tokio::test]
    async fn a_sealed_start_waits_for_the_right_key_and_takes_no_other() {
        let folder = tempfile::tempdir().unwrap();
        let (right, id) = key(1);
        let (wrong, _) = key(2);
        std::fs::write(folder.path().join(CONTROL_SOCKET), "left over").unwrap();
        let clock = Clock::manual(UnixTime(0));
        let unseal = Unseal::bind(folder.path(), Some(id.clone()), clock.clone()).unwrap();
        let socket = folder.path().join(CONTROL_SOCKET);
        let mode = std::fs::metadata(&socket).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600);
        let waiting = tokio::spawn(unseal.wait());
        assert_eq!(say(folder.path(), "status\n").await, format!("sealed {id}"));
        assert_eq!(offer(folder.path(), &wrong).await.unwrap(), Answer::Wrong);
        let not_a_key = Secret::new("changeme");
        assert_eq!(offer(folder.path(), &not_a_key).await.unwrap(), Answer::NotAKey);
        assert_eq!(say(folder.path(), "open\n").await, "bad");
        assert_eq!(say(folder.path(), &"x".repeat(UNSEAL_LINE_BYTES_MAX)).await, "bad");
        drop(UnixStream::connect(&socket).await.unwrap());
        assert_eq!(offer(folder.path(), &right).await.unwrap(), Answer::Unsealed);
        assert_eq!(waiting.await.unwrap().unwrap().id().unwrap(), id);
        assert!(!socket.exists());
        assert!(offer(folder.path(), &right).await.is_err());
    }

    #[tokio::test]
    async fn too_many_tries_wait_a_minute_even_with_the_right_key() {
        let folder = tempfile::tempdir().unwrap();
        let (right, id) = key(1);
        let (wrong, _) = key(2);
        let clock = Clock::manual(UnixTime(0));
        let unseal = Unseal::bind(folder.path(), Some(id), clock.clone()).unwrap();
        let waiting = tokio::spawn(unseal.wait());
        for _ in 0..UNSEAL_TRIES_PER_MINUTE_MAX {
            assert_eq!(offer(folder.path(), &wrong).await.unwrap(), Answer::Wrong);
        }
        assert_eq!(offer(folder.path(), &right).await.unwrap(), Answer::Wait);
        clock.advance(MINUTE);
        assert_eq!(offer(folder.path(), &right).await.unwrap(), Answer::Unsealed);
        waiting.await.unwrap().unwrap();
    }

    #[tokio::test]
    async fn a_new_database_takes_any_good_key() {
        let folder = tempfile::tempdir().unwrap();
        let unseal = Unseal::bind(folder.path(), None, Clock::manual(UnixTime(0))).unwrap();
        let waiting = tokio::spawn(unseal.wait());
        assert_eq!(say(folder.path(), "status\n").await, "sealed new");
        assert_eq!(offer(folder.path(), &key(3).0).await.unwrap(), Answer::Unsealed);
        waiting.await.unwrap().unwrap();
    }
}
