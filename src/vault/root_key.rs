//! The root key's file: 32 random bytes for this process's user alone.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;

use aws_lc_rs::hkdf::{HKDF_SHA256, KeyType, Prk, Salt};
use zeroize::Zeroizing;

use super::VaultError;

/// The root key; wiped when dropped, never printed.
pub(super) struct RootKey(Zeroizing<[u8; 32]>);

/// Fewer different byte values than this is no random key (32 random bytes have 30 on average).
const DISTINCT_BYTES_MIN: usize = 12;

impl RootKey {
    /// Reads the key; `None` when there is no file.
    pub(super) fn read(path: &Path) -> Result<Option<Self>, VaultError> {
        let failed = |source| VaultError::File { path: path.to_path_buf(), source };
        let refused = |what| VaultError::Refused { path: path.to_path_buf(), what };
        let opened = OpenOptions::new().read(true).custom_flags(libc::O_NOFOLLOW).open(path);
        let mut file = match opened {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) if error.raw_os_error() == Some(libc::ELOOP) => {
                return Err(refused("it is a symbolic link; put the file itself there"));
            }
            Err(error) => return Err(failed(error)),
        };
        let metadata = file.metadata().map_err(failed)?;
        if !metadata.is_file() {
            return Err(refused("it is not a file"));
        }
        if metadata.permissions().mode() & 0o077 != 0 {
            return Err(refused("others can read or write it; chmod 600 it"));
        }
        if metadata.len() != 32 {
            return Err(refused("it is not 32 bytes; restore it from its copy"));
        }
        let mut key = Zeroizing::new([0; 32]);
        file.read_exact(key.as_mut()).map_err(failed)?;
        let distinct = key.iter().collect::<std::collections::BTreeSet<_>>().len();
        if distinct < DISTINCT_BYTES_MIN {
            return Err(refused("it is not random; restore it from its copy"));
        }
        Ok(Some(Self(key)))
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
        Ok(id.iter().map(|byte| format!("{byte:02x}")).collect())
    }

    /// The key all others are expanded from; salted, so that two installations share none.
    pub(super) fn extract(&self, install_id: &[u8; 16]) -> Prk {
        Salt::new(HKDF_SHA256, install_id).extract(self.0.as_ref())
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn c01_a_weak_or_exposed_root_key_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("root.key");
        assert!(RootKey::read(&path).unwrap().is_none());
        let write = |bytes: &[u8], mode: u32| {
            let _ = std::fs::remove_file(&path);
            std::fs::write(&path, bytes).unwrap();
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            RootKey::read(&path).err().map(|error| error.to_string())
        };
        let good: Vec<u8> = (1..=32).collect();
        assert_eq!(write(&good, 0o600), None);
        assert_eq!(write(&good, 0o400), None);
        for (bytes, mode, expected) in [
            (good.clone(), 0o640, "chmod 600"),
            (good.clone(), 0o604, "chmod 600"),
            (good[..31].to_vec(), 0o600, "not 32 bytes"),
            (vec![0; 32], 0o600, "not random"),
            (b"changemechangemechangemechangeme".to_vec(), 0o600, "not random"),
        ] {
            let error = write(&bytes, mode).unwrap();
            assert!(error.contains(expected), "{error}");
        }
        let link = folder.path().join("link.key");
        write(&good, 0o600);
        std::os::unix::fs::symlink(&path, &link).unwrap();
        let error = RootKey::read(&link).err().unwrap().to_string();
        assert!(error.contains("symbolic link"), "{error}");
    }

    #[test]
    fn a_made_key_is_private_and_reads_back_under_the_same_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("root.key");
        let made = RootKey::create(&path).unwrap().id().unwrap();
        let mode = std::fs::metadata(&path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600);
        assert_eq!(RootKey::read(&path).unwrap().unwrap().id().unwrap(), made);
        assert!(RootKey::create(&path).is_err());
    }
}
