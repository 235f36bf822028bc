//! AWS as moto plays it: a server of its own on 127.0.0.1 and a port that it chooses, gone when dropped and also when the
//! test process dies. Without moto the tests fail and say what to do.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use regex::Regex;
use serde_json::Value;
use tempfile::TempDir;

const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) struct Moto {
    endpoint: String,
    /// A shell that stops the server once its standard input is closed: by `drop`, or by the end of this process.
    guard: Child,
    _folder: TempDir,
}

/// Where scripts/test-needs.sh puts it: `CARGO_TARGET_TMPDIR` is `tmp` in the target folder.
fn installed() -> PathBuf {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent();
    target.expect("a target folder").join("moto/bin")
}

/// The server of a folder of programs, or what to do where it isn't there.
pub(crate) fn program(folder: &Path) -> Result<PathBuf, String> {
    let program = folder.join("moto_server");
    if program.is_file() {
        return Ok(program);
    }
    Err(format!(
        "moto is missing in {}. Run scripts/test-needs.sh, which installs what the tests need.",
        folder.display()
    ))
}

impl Moto {
    pub(crate) fn start() -> Self {
        let program = program(&installed()).unwrap_or_else(|missing| panic!("{missing}"));
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("log");
        #[expect(
            clippy::zombie_processes,
            reason = "waited for when dropped; a test that fails before ends the process, and with it the server"
        )]
        let guard = Command::new("/bin/sh")
            .args([
                "-c",
                "\"$0\" tests/moto/serve.py -H 127.0.0.1 -p 0 & cat > /dev/null; kill $!",
            ])
            .arg(program.with_file_name("python"))
            .stdin(Stdio::piped())
            .stdout(File::create(folder.path().join("out")).unwrap())
            .stderr(File::create(&log).unwrap())
            .spawn()
            .unwrap();
        let port = Regex::new(r"Running on http://127\.0\.0\.1:(\d+)").unwrap();
        let started = Instant::now();
        loop {
            let said = std::fs::read_to_string(&log).unwrap();
            if let Some(port) = port.captures(&said) {
                return Self {
                    endpoint: format!("http://127.0.0.1:{}", &port[1]),
                    guard,
                    _folder: folder,
                };
            }
            assert!(started.elapsed() < PATIENCE, "moto doesn't start: {said}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    pub(crate) fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// Amazon's own client does something to a bucket: `tests/moto/bucket.py`. The error is AWS's code.
    pub(crate) fn bucket(&self, arguments: &[&str]) -> Result<Value, String> {
        let done = Command::new(installed().join("python"))
            .args(["tests/moto/bucket.py", &self.endpoint])
            .args(arguments)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&done.stdout);
        let mut answer: Value = serde_json::from_str(&said)
            .unwrap_or_else(|_| panic!("{arguments:?}: {}", String::from_utf8_lossy(&done.stderr)));
        match answer["refused"].as_str() {
            Some(code) => Err(code.to_owned()),
            None => Ok(answer["done"].take()),
        }
    }
}

impl Drop for Moto {
    fn drop(&mut self) {
        drop(self.guard.stdin.take());
        drop(self.guard.wait());
    }
}
