//! One server to a data folder: a lock on `ringfence.lock` that ends with the process.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::{Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

use super::StoreError;

/// Held for a server's life. The commands beside it (`ringfence user`, `trunk`) do not take it:
/// the database alone is safe to share.
#[derive(Debug)]
pub struct DataLock {
    _file: File,
}

impl DataLock {
    /// Takes the lock of `folder`, which is made if it is not there.
    ///
    /// # Errors
    /// Another server has it, or the folder cannot be used.
    pub fn take(folder: &Path) -> Result<Self, StoreError> {
        make_folder(folder)?;
        let path = folder.join("ringfence.lock");
        let failed = |source| StoreError::Folder { path: path.clone(), source };
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path)
            .map_err(failed)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let path = folder.to_path_buf();
                return Err(StoreError::InUse { path, pid: pid_in(&mut file) });
            }
            Err(TryLockError::Error(source)) => return Err(failed(source)),
        }
        file.set_len(0).map_err(failed)?;
        writeln!(file, "{}", std::process::id()).map_err(failed)?;
        Ok(Self { _file: file })
    }
}

/// Makes a data folder that nobody else may look into.
pub(super) fn make_folder(folder: &Path) -> Result<(), StoreError> {
    let failed = |source| StoreError::Folder { path: folder.to_path_buf(), source };
    if folder.exists() && !folder.is_dir() {
        return Err(StoreError::NotAFolder(folder.to_path_buf()));
    }
    DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(failed)
}

/// The other server's process; it may not have written it yet.
fn pid_in(file: &mut File) -> String {
    let mut text = String::new();
    let read = file.take(PID_BYTES_MAX).read_to_string(&mut text);
    let pid = text.trim();
    match read {
        Ok(_) if !pid.is_empty() && pid.bytes().all(|byte| byte.is_ascii_digit()) => pid.into(),
        _ => "unknown".into(),
    }
}

/// No process id is longer, bytes.
const PID_BYTES_MAX: u64 = 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_server_on_a_folder_is_told_of_the_first_and_a_later_one_starts() {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        let first = DataLock::take(&data).unwrap();
        let refused = DataLock::take(&data).unwrap_err().to_string();
        let expected = format!("another server (pid {}) uses this data folder", std::process::id());
        assert!(refused.starts_with(&expected), "{refused}");
        drop(first);
        DataLock::take(&data).unwrap();
    }

    #[test]
    fn a_file_is_no_data_folder() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let refused = DataLock::take(file.path()).unwrap_err().to_string();
        assert!(refused.ends_with("is not a folder"), "{refused}");
    }
}
