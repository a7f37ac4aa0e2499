//! The root key: 32 random bytes for this process's user alone, and where they come from.
//!
//! Owns the order of the sources and what makes a key or its file unsafe. Does not know what is
//! derived from it nor which key a database wants.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use aws_lc_rs::hkdf::{HKDF_SHA256, KeyType, Prk, Salt};
use base64::Engine;
use base64::engine::GeneralPurpose;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use zeroize::Zeroizing;

use super::VaultError;
use crate::base::Secret;
use crate::base::limit::ROOT_KEY_FILE_BYTES_MAX;

/// The root key; wiped when dropped, never printed.
pub struct RootKey(Zeroizing<[u8; 32]>);

/// Where the root key may be, in the order of trust.
#[derive(Clone, Debug)]
pub struct RootKeySources {
    /// What systemd's `LoadCredential` gives: `$CREDENTIALS_DIRECTORY/ringfence-root-key`.
    pub credential: Option<PathBuf>,
    /// Its file: `root.key` of the data folder, or the configured one.
    pub file: PathBuf,
    /// `RINGFENCE_ROOT_KEY`, where that was allowed.
    pub environment: Option<Secret>,
    /// Whether a new installation may make the file.
    pub may_create: bool,
}

/// The root key's file in the data folder.
pub const ROOT_KEY_FILE: &str = "root.key";
/// The variable that may hold the key, base64 or hexadecimal.
pub const ROOT_KEY_VARIABLE: &str = "RINGFENCE_ROOT_KEY";

const CREDENTIAL_NAME: &str = "ringfence-root-key";
/// Fewer different byte values than this is no random key (32 random bytes have 30 on average).
const DISTINCT_BYTES_MIN: usize = 12;

/// Whose file it may be and what the mode may say.
#[derive(Clone, Copy)]
enum Kept {
    /// Ours alone.
    ByUs,
    /// By systemd: the owner may be root, and the group's read bit is the mask of its ACL.
    BySystemd,
}

impl RootKeySources {
    /// `root.key` of the data folder, made when an installation is new.
    #[must_use]
    pub fn of_folder(folder: &Path) -> Self {
        let file = folder.join(ROOT_KEY_FILE);
        Self { credential: None, file, environment: None, may_create: true }
    }

    /// All sources of this process. `variable` reads an environment variable; the key's own is
    /// asked for only when `environment_allowed`. A configured file is never made.
    #[must_use]
    pub fn of_process(
        folder: &Path,
        configured: Option<&Path>,
        environment_allowed: bool,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Self {
        let credential = variable("CREDENTIALS_DIRECTORY")
            .filter(|folder| !folder.is_empty())
            .map(|folder| Path::new(&folder).join(CREDENTIAL_NAME));
        let environment = environment_allowed.then(|| variable(ROOT_KEY_VARIABLE)).flatten();
        Self {
            credential,
            environment: environment.map(Secret::new),
            may_create: configured.is_none(),
            ..Self::of_folder(folder)
        }
        .with_file(configured)
    }

    fn with_file(mut self, configured: Option<&Path>) -> Self {
        if let Some(path) = configured {
            self.file = path.to_path_buf();
        }
        self
    }

    /// The first key there is, and the name of its source for messages. A source that is there
    /// and unsafe is an error: the next one must not hide it.
    ///
    /// # Errors
    /// A source is there and cannot be used.
    pub fn find(&self) -> Result<Option<(RootKey, PathBuf)>, VaultError> {
        if let Some(path) = &self.credential
            && let Some(key) = RootKey::read_kept(path, Kept::BySystemd)?
        {
            return Ok(Some((key, path.clone())));
        }
        if let Some(key) = RootKey::read(&self.file)? {
            return Ok(Some((key, self.file.clone())));
        }
        let Some(text) = &self.environment else { return Ok(None) };
        let source = PathBuf::from(format!("${ROOT_KEY_VARIABLE}"));
        let key = RootKey::parse(text)
            .map_err(|what| VaultError::Refused { path: source.clone(), what })?;
        tracing::warn!(
            "the root key comes from the environment, where other programs of this user can \
             read it; use systemd's LoadCredentialEncrypted or a file"
        );
        Ok(Some((key, source)))
    }
}

impl RootKey {
    /// Reads a key from base64 or hexadecimal, as typed or sent.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &Secret) -> Result<Self, &'static str> {
        let text = text.expose().trim();
        Self::decode(text).ok_or("it is not 32 bytes in base64 or hexadecimal")?.checked()
    }

    /// Reads the key's file; `None` when there is none.
    pub(super) fn read(path: &Path) -> Result<Option<Self>, VaultError> {
        Self::read_kept(path, Kept::ByUs)
    }

    fn read_kept(path: &Path, kept: Kept) -> Result<Option<Self>, VaultError> {
        let failed = |source| VaultError::File { path: path.to_path_buf(), source };
        let refused = |what| VaultError::Refused { path: path.to_path_buf(), what };
        // Not waiting: a pipe in its place must not stop the start.
        let flags = libc::O_NOFOLLOW | libc::O_NONBLOCK;
        let file = match OpenOptions::new().read(true).custom_flags(flags).open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) if error.raw_os_error() == Some(libc::ELOOP) => {
                return Err(refused("it is a symbolic link; put the file itself there"));
            }
            Err(error) => return Err(failed(error)),
        };
        let metadata = file.metadata().map_err(failed)?;
        let our_uid = our_uid().map_err(failed)?;
        let (mode, uid) = (metadata.permissions().mode(), metadata.uid());
        if !metadata.is_file() {
            return Err(refused("it is not a file"));
        }
        safe(mode, uid, our_uid, kept).map_err(refused)?;
        let mut bytes = Zeroizing::new(Vec::with_capacity(ROOT_KEY_FILE_BYTES_MAX + 1));
        let limit = u64::try_from(ROOT_KEY_FILE_BYTES_MAX + 1).unwrap_or(u64::MAX);
        file.take(limit).read_to_end(&mut bytes).map_err(failed)?;
        let key = match <[u8; 32]>::try_from(bytes.as_slice()) {
            Ok(raw) => Some(Self(Zeroizing::new(raw))),
            Err(_) => std::str::from_utf8(&bytes).ok().and_then(|text| Self::decode(text.trim())),
        };
        let key = key.ok_or_else(|| {
            refused("it is not 32 bytes, raw or in base64 or hexadecimal; restore it from its copy")
        })?;
        key.checked().map(Some).map_err(refused)
    }

    /// Makes a new key and its file, which must not be there.
    pub(super) fn create(path: &Path) -> Result<Self, VaultError> {
        let failed = |source| VaultError::File { path: path.to_path_buf(), source };
        let mut key = Zeroizing::new([0; 32]);
        aws_lc_rs::rand::fill(key.as_mut()).map_err(|_| VaultError::Unavailable)?;
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(path)
            .map_err(failed)?;
        file.write_all(key.as_ref()).and_then(|()| file.sync_all()).map_err(failed)?;
        if let Some(folder) = path.parent() {
            std::fs::File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed)?;
        }
        Ok(Self(key))
    }

    /// A name that tells keys apart and nothing else.
    pub(super) fn id(&self) -> Result<String, VaultError> {
        let mut id = [0; 8];
        let prk = Salt::new(HKDF_SHA256, b"ringfence").extract(self.0.as_ref());
        expand(&prk, b"rf/v1/key-id", &mut id)?;
        Ok(hexadecimal(&id))
    }

    /// The key all others are expanded from; salted, so that two installations share none.
    pub(super) fn extract(&self, install_id: &[u8; 16]) -> Prk {
        Salt::new(HKDF_SHA256, install_id).extract(self.0.as_ref())
    }

    fn decode(text: &str) -> Option<Self> {
        let mut key = Zeroizing::new([0; 32]);
        if text.len() == 64 {
            for (byte, pair) in key.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
                let pair = std::str::from_utf8(pair).ok()?;
                let is_hex = pair.bytes().all(|digit| digit.is_ascii_hexdigit());
                *byte = u8::from_str_radix(pair, 16).ok().filter(|_| is_hex)?;
            }
            return Some(Self(key));
        }
        let is_key = |engine: &GeneralPurpose| {
            // One more than it may be: the library wants room for what it decodes at once.
            let mut bytes = Zeroizing::new([0; 36]);
            let length = engine.decode_slice(text, bytes.as_mut()).ok()?;
            let exact = bytes.get(..length).and_then(|bytes| <[u8; 32]>::try_from(bytes).ok())?;
            Some(Self(Zeroizing::new(exact)))
        };
        [STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD].iter().find_map(is_key)
    }

    /// Refuses what nobody's random generator made.
    fn checked(self) -> Result<Self, &'static str> {
        let distinct = self.0.iter().collect::<std::collections::BTreeSet<_>>().len();
        let mut steps = self.0.windows(2).map(|pair| match pair {
            [one, two] => two.wrapping_sub(*one),
            _ => 0,
        });
        let first = steps.next();
        let is_sequence = steps.all(|step| Some(step) == first);
        let is_typed = self.0.iter().all(|byte| byte.is_ascii_graphic() || *byte == b' ');
        if distinct < DISTINCT_BYTES_MIN || is_sequence || is_typed {
            return Err("it is not random; make one with `openssl rand -base64 32`");
        }
        Ok(self)
    }
}

impl std::fmt::Debug for RootKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("***")
    }
}

fn safe(mode: u32, uid: u32, our_uid: u32, kept: Kept) -> Result<(), &'static str> {
    let (exposed, is_owned) = match kept {
        Kept::ByUs => (0o077, uid == our_uid),
        Kept::BySystemd => (0o037, uid == our_uid || uid == 0),
    };
    if mode & exposed != 0 {
        return Err("others can read or write it; chmod 600 it");
    }
    if !is_owned {
        return Err("it belongs to another user; chown it, or run as that user");
    }
    Ok(())
}

/// The user this process runs as; the kernel's answer about a socket of our own.
pub(super) fn our_uid() -> std::io::Result<u32> {
    let (one, _two) = tokio::net::UnixStream::pair()?;
    Ok(one.peer_cred()?.uid())
}

/// HKDF-Expand (RFC 5869).
pub(super) fn expand(prk: &Prk, info: &[u8], out: &mut [u8]) -> Result<(), VaultError> {
    struct Length(usize);
    impl KeyType for Length {
        fn len(&self) -> usize {
            self.0
        }
    }
    let length = Length(out.len());
    prk.expand(&[info], length).and_then(|okm| okm.fill(out)).map_err(|_| VaultError::Unavailable)
}

pub(super) fn hexadecimal(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    let mut text = String::with_capacity(bytes.len().saturating_mul(2));
    for byte in bytes {
        let _ = write!(text, "{byte:02x}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The same every time, and nothing a person would type.
    fn good() -> [u8; 32] {
        std::array::from_fn(|i| u8::try_from(i * i * 7 % 251).unwrap() ^ 0xa5)
    }

    fn write(path: &Path, bytes: &[u8], mode: u32) {
        let _ = std::fs::remove_file(path);
        std::fs::write(path, bytes).unwrap();
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    }

    #[tokio::test]
    async fn sec_c01_a_weak_or_exposed_root_key_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("root.key");
        assert!(RootKey::read(&path).unwrap().is_none());
        let refusal = |bytes: &[u8], mode: u32| {
            write(&path, bytes, mode);
            RootKey::read(&path).err().map(|error| error.to_string())
        };
        assert_eq!(refusal(&good(), 0o600), None);
        assert_eq!(refusal(&good(), 0o400), None);
        let sequence: Vec<u8> = (1..=32).collect();
        for (bytes, mode, expected) in [
            (good().as_slice(), 0o640, "chmod 600"),
            (&good(), 0o604, "chmod 600"),
            (&good()[..31], 0o600, "not 32 bytes"),
            (&[0x80; 4096], 0o600, "not 32 bytes"),
            (b"", 0o600, "not 32 bytes"),
            (&[0; 32], 0o600, "not random"),
            (&sequence, 0o600, "not random"),
            (b"changemechangemechangemechangeme", 0o600, "not random"),
            (b"correct horse battery staple 32b", 0o600, "not random"),
            (STANDARD.encode([0; 32]).as_bytes(), 0o600, "not random"),
        ] {
            let error = refusal(bytes, mode).unwrap();
            assert!(error.contains(expected), "{error}");
        }
        let link = folder.path().join("link.key");
        write(&path, &good(), 0o600);
        std::os::unix::fs::symlink(&path, &link).unwrap();
        let error = RootKey::read(&link).err().unwrap().to_string();
        assert!(error.contains("symbolic link"), "{error}");
    }

    #[test]
    fn sec_c01_a_file_of_another_user_is_refused() {
        assert!(safe(0o100_400, 1000, 1000, Kept::ByUs).is_ok());
        assert!(safe(0o100_400, 1001, 1000, Kept::ByUs).unwrap_err().contains("another user"));
        assert!(safe(0o100_400, 0, 1000, Kept::ByUs).is_err());
        assert!(safe(0o100_440, 0, 1000, Kept::BySystemd).is_ok());
        assert!(safe(0o100_444, 0, 1000, Kept::BySystemd).is_err());
        assert!(safe(0o100_440, 1001, 1000, Kept::BySystemd).is_err());
    }

    #[tokio::test]
    async fn a_key_reads_the_same_raw_in_base64_and_in_hexadecimal() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("root.key");
        write(&path, &good(), 0o600);
        let expected = RootKey::read(&path).unwrap().unwrap().id().unwrap();
        for text in [
            format!("{}\n", STANDARD.encode(good())),
            URL_SAFE_NO_PAD.encode(good()),
            hexadecimal(&good()),
            hexadecimal(&good()).to_uppercase(),
        ] {
            write(&path, text.as_bytes(), 0o400);
            assert_eq!(RootKey::read(&path).unwrap().unwrap().id().unwrap(), expected);
            let parsed = RootKey::parse(&Secret::new(text)).unwrap();
            assert_eq!(parsed.id().unwrap(), expected);
            assert_eq!(format!("{parsed:?}"), "***");
        }
        for text in ["", "+f", &"+f".repeat(32), &STANDARD.encode([0xa5; 33]), &"é".repeat(32)] {
            assert!(RootKey::parse(&Secret::new(text)).is_err(), "{text}");
        }
    }

    #[tokio::test]
    async fn sources_are_asked_in_order_and_an_unsafe_one_is_not_passed_over() {
        let folder = tempfile::tempdir().unwrap();
        let credentials = folder.path().join("credentials");
        std::fs::create_dir(&credentials).unwrap();
        let mut keys = [good(); 3];
        keys[1][0] = 1;
        keys[2][0] = 2;
        let sources =
            |environment_allowed| {
                RootKeySources::of_process(folder.path(), None, environment_allowed, |name| {
                    match name {
                        "CREDENTIALS_DIRECTORY" => Some(credentials.to_str().unwrap().to_owned()),
                        ROOT_KEY_VARIABLE => Some(STANDARD.encode(keys[2])),
                        _ => None,
                    }
                })
            };
        let found = |allowed| sources(allowed).find().map(|found| found.map(|(key, _)| *key.0));
        assert!(found(false).unwrap().is_none());
        assert_eq!(found(true).unwrap(), Some(keys[2]));
        write(&folder.path().join(ROOT_KEY_FILE), &keys[1], 0o600);
        assert_eq!(found(true).unwrap(), Some(keys[1]));
        write(&credentials.join(CREDENTIAL_NAME), &keys[0], 0o440);
        assert_eq!(found(true).unwrap(), Some(keys[0]));
        write(&credentials.join(CREDENTIAL_NAME), &keys[0], 0o644);
        assert!(found(true).is_err());
        assert!(!format!("{:?}", sources(true)).contains(&STANDARD.encode(keys[2])));
        let configured = Path::new("/nowhere/root.key");
        let sources = RootKeySources::of_process(folder.path(), Some(configured), false, |_| None);
        assert!(sources.file == configured && !sources.may_create);
    }

    #[tokio::test]
    async fn a_made_key_is_private_and_reads_back_under_the_same_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("root.key");
        let made = RootKey::create(&path).unwrap().id().unwrap();
        let mode = std::fs::metadata(&path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600);
        assert_eq!(RootKey::read(&path).unwrap().unwrap().id().unwrap(), made);
        assert!(RootKey::create(&path).is_err());
    }
}
