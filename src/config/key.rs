//! The key for the MACs of reviews: 32 bytes in base64, in a file that only its owner can read.
//! Made once; a key that was lost or is open to others stops the start, it is never replaced silently.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use secrecy::{ExposeSecret, SecretBox, SecretString};

pub(super) const FILE: &str = "hallpass.key";

/// 32 bytes from base64.
pub(super) fn decode(text: &str) -> Option<SecretBox<[u8; 32]>> {
    let bytes: [u8; 32] = STANDARD.decode(text.trim()).ok()?.try_into().ok()?;
    Some(SecretBox::new(Box::new(bytes)))
}

/// The key in `path`, made there where the file doesn't exist. The error is a sentence.
pub(super) fn load_or_make(path: &Path) -> Result<SecretBox<[u8; 32]>, String> {
    let shown = path.display();
    match load(path) {
        Ok(key) => return key,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(format!("{shown} can't be read: {error}.")),
    }
    make(path).map_err(|error| {
        format!("{shown} can't be made: {error}. Make it by hand or set HALLPASS_KEY.")
    })?;
    // Read back, also when another start made it in the meantime.
    load(path).map_err(|error| format!("{shown} can't be read: {error}."))?
}

fn load(path: &Path) -> io::Result<Result<SecretBox<[u8; 32]>, String>> {
    let shown = path.display();
    let mode = fs::metadata(path)?.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        return Ok(Err(format!(
            "{shown} can be read by others (mode {mode:04o}); run `chmod 600 {shown}`, and replace the key if others use this machine."
        )));
    }
    let text = SecretString::from(fs::read_to_string(path)?);
    Ok(decode(text.expose_secret())
        .ok_or_else(|| format!("{shown} doesn't hold 32 bytes in base64; restore it from your backup, reviews can't be verified without it.")))
}

/// Written in full beside its place and then linked there, so that no crash leaves half a key and no
/// start overwrites the key of another.
fn make(path: &Path) -> io::Result<()> {
    let mut bytes = [0; 40];
    getrandom::fill(&mut bytes).map_err(io::Error::other)?;
    let (key, suffix) = bytes.split_at(32);
    let draft = path.with_extension(format!("key.{}", hex::encode(suffix)));
    let written = write_draft(&draft, &STANDARD.encode(key)).and_then(|()| {
        match fs::hard_link(&draft, path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            other => other,
        }
    });
    let removed = fs::remove_file(&draft);
    written.and(removed)?;
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}

fn write_draft(draft: &Path, text: &str) -> io::Result<()> {
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(draft)?;
    writeln!(file, "{text}")?;
    file.sync_all()
}
