//! A TCP proxy that breaks connections on demand: it passes, delays, cuts, resets, or accepts and says nothing. It stands
//! between the bot and what the bot talks to; what it does changes at once, also for connections that are open.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, watch};

/// How long a server may take to answer what is kept back.
const ANSWERED: Duration = Duration::from_secs(5);
/// How much of what the bot said is kept, in bytes.
const REMEMBERED: usize = 64 * 1024;

/// What is done to what comes in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Fault {
    None,
    /// Each piece comes so much later.
    Delay(Duration),
    /// After so many bytes of answers in this mood, a connection is closed in the middle of one.
    CutAfter(usize),
    /// Connections are taken and stay open, and nothing goes either way any more.
    BlackHole,
    /// Every connection is reset, new ones too.
    Reset,
    /// What the bot sends comes through until it holds these bytes; that is passed on, and what is answered is kept back.
    /// Then the connection is closed. Happens once.
    NoAnswerTo(&'static [u8]),
}

#[derive(Clone)]
pub(crate) struct Proxy {
    address: SocketAddr,
    fault: Arc<watch::Sender<Fault>>,
    inner: Arc<Inner>,
}

#[derive(Default)]
struct Inner {
    fired: AtomicUsize,
    open: Mutex<Vec<Weak<Connection>>>,
}

/// One connection through the proxy.
#[derive(Default)]
struct Connection {
    /// Nothing comes through any more, whatever the proxy does later.
    silent: AtomicBool,
    /// What the bot said at the beginning.
    said: Mutex<Vec<u8>>,
    /// Something that the server said was kept back.
    kept_back: Notify,
}

enum Way {
    ToServer,
    ToBot,
}

impl Proxy {
    pub(crate) async fn to(server: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let proxy = Self {
            address: listener.local_addr().unwrap(),
            fault: Arc::new(watch::Sender::new(Fault::None)),
            inner: Arc::default(),
        };
        let passing = proxy.clone();
        tokio::spawn(async move {
            while let Ok((bot, _)) = listener.accept().await {
                tokio::spawn(passing.clone().pass(bot, server));
            }
        });
        proxy
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn does(&self, fault: Fault) {
        self.fault.send_replace(fault);
    }

    /// The connections over which the bot said this fall silent for ever; answers how many.
    pub(crate) fn silences_who_said(&self, text: &str) -> usize {
        let mut open = self.inner.open.lock().unwrap();
        open.retain(|one| one.strong_count() > 0);
        let alive = open.iter().filter_map(Weak::upgrade);
        alive
            .filter(|one| {
                let said = one.said.lock().unwrap();
                said.windows(text.len()).any(|part| part == text.as_bytes())
            })
            .map(|one| one.silent.store(true, Ordering::Relaxed))
            .count()
    }

    /// How often something was cut, reset, held back or kept from coming through.
    pub(crate) fn fired(&self) -> usize {
        self.inner.fired.load(Ordering::Relaxed)
    }

    fn fires(&self) {
        self.inner.fired.fetch_add(1, Ordering::Relaxed);
    }

    async fn pass(self, bot: TcpStream, server: SocketAddr) {
        let mut fault = self.fault.subscribe();
        if *fault.borrow_and_update() == Fault::Reset {
            self.fires();
            return reset(&bot);
        }
        let connection = Arc::new(Connection::default());
        let known = Arc::downgrade(&connection);
        self.inner.open.lock().unwrap().push(known);
        // A server that is away closes at once.
        let Ok(server) = TcpStream::connect(server).await else {
            return;
        };
        let broken = async {
            let is_reset = fault.wait_for(|fault| *fault == Fault::Reset).await;
            assert!(is_reset.is_ok(), "the proxy holds its own fault");
        };
        let (from_bot, to_bot) = bot.into_split();
        let (from_server, to_server) = server.into_split();
        let there = self.pipe(from_bot, to_server, Way::ToServer, &connection);
        let back = self.pipe(from_server, to_bot, Way::ToBot, &connection);
        tokio::select! {
            () = there => {}
            () = back => {}
            () = broken => self.fires(),
        }
    }

    /// One direction, until either end closes or the connection is to be cut.
    async fn pipe(
        &self,
        mut from: OwnedReadHalf,
        mut to: OwnedWriteHalf,
        way: Way,
        connection: &Connection,
    ) {
        let mut fault = self.fault.subscribe();
        let mut passed = 0;
        let mut piece = vec![0; 16 * 1024];
        loop {
            let Ok(read @ 1..) = from.read(&mut piece).await else {
                return;
            };
            if matches!(way, Way::ToServer) {
                let mut said = connection.said.lock().unwrap();
                let room = REMEMBERED.saturating_sub(said.len());
                said.extend_from_slice(&piece[..read.min(room)]);
            }
            if connection.silent.load(Ordering::Relaxed) {
                self.fires();
                connection.kept_back.notify_one();
                return std::future::pending().await;
            }
            let mood = fault.borrow_and_update().clone();
            match mood {
                Fault::None => {}
                Fault::Reset => return,
                Fault::Delay(time) => {
                    self.fires();
                    tokio::time::sleep(time).await;
                }
                Fault::BlackHole => {
                    self.fires();
                    return std::future::pending().await;
                }
                Fault::CutAfter(most) => {
                    let to_bot = matches!(way, Way::ToBot);
                    if to_bot && passed + read > most {
                        self.fires();
                        drop(to.write_all(&piece[..most - passed]).await);
                        return;
                    }
                    passed += if to_bot { read } else { 0 };
                }
                Fault::NoAnswerTo(asked) => {
                    let asks = piece[..read].windows(asked.len()).any(|part| part == asked);
                    if matches!(way, Way::ToServer) && asks && self.takes_once(asked) {
                        connection.silent.store(true, Ordering::Relaxed);
                        drop(to.write_all(&piece[..read]).await);
                        // Then it was carried out.
                        let answered = connection.kept_back.notified();
                        drop(tokio::time::timeout(ANSWERED, answered).await);
                        return;
                    }
                }
            }
            if to.write_all(&piece[..read]).await.is_err() {
                return;
            }
        }
    }

    /// The first that sees it has it.
    fn takes_once(&self, asked: &'static [u8]) -> bool {
        self.fault.send_if_modified(|fault| {
            let mine = *fault == Fault::NoAnswerTo(asked);
            if mine {
                *fault = Fault::None;
            }
            mine
        })
    }
}

/// Closing with unread or unsent data at hand and no lingering is a reset.
fn reset(stream: &TcpStream) {
    drop(stream.set_zero_linger());
}
