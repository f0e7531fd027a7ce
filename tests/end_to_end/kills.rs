//! What becomes of what is typed while muxview, its tmux client and connections are killed at random
//! moments. Nothing arrives twice or out of order. What a connection was typed arrives as a prefix:
//! what was lost was lost with its end. Only where muxview's tmux client was killed there may be one
//! hole, of what that client's tmux had just been given; handoffs make none.

#![allow(clippy::unwrap_used)] // a failed step is a failed test

use crate::support::fault::{Cut, Wire};
use crate::support::raw::{Got, Target, frame, input, parse, ping};
use crate::support::{LOOK_AGAIN, PATIENCE, Raw, Service, Tmux, process, soak, until};
use bytes::BytesMut;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::net::tcp::OwnedReadHalf;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// People who type at the same time.
const DRIVERS: usize = 4;
/// Letters of a connection's own alphabet, which tell its keys from all others whatever comes between
/// them: sixteen digits and the mark a word begins with.
const LETTERS: u64 = 17;
/// Where the letters are taken from: characters of three bytes each, which tmux takes as keys.
const SCRIPTS: [std::ops::Range<u32>; 2] = [0x3400..0x9FFF, 0xAC00..0xD7A0];
/// Keys of a word: a mark, six digits of its number, one to check.
const WORD: usize = 8;
/// Bytes a pty of Linux holds: what its line discipline keeps, and what is on its way there.
const PTY_BYTES: u64 = 4 * 1024 + 64 * 1024;
/// How long after a connection has ended what muxview had received of it may still be on its way.
const DELIVERY: Duration = Duration::from_secs(5);
/// Words every driver types when all is over, which have to arrive.
const LAST_WORDS: u64 = 200;

/// Random numbers from a seed.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }

    fn one_in(&mut self, times: u64) -> bool {
        self.below(times) == 0
    }
}

/// A letter of a connection's alphabet.
fn letter(connection: u64, at: u64) -> char {
    let mut nth = u32::try_from(connection * LETTERS + at).unwrap();
    for script in SCRIPTS {
        if nth < script.end - script.start {
            return char::from_u32(script.start + nth).unwrap();
        }
        nth -= script.end - script.start;
    }
    panic!("connection {connection}: no letters are left")
}

/// Whose letter it is, and which.
fn read_letter(letter: char) -> Option<(u64, u64)> {
    let mut before = 0;
    for script in SCRIPTS {
        if script.contains(&u32::from(letter)) {
            let nth = u64::from(before + u32::from(letter) - script.start);
            return Some((nth / LETTERS, nth % LETTERS));
        }
        before += script.end - script.start;
    }
    None
}

/// A numbered word of a connection, key by key.
fn word(connection: u64, number: u64) -> [char; WORD] {
    let digit = |place: usize| number >> (4 * (WORD - 2 - place)) & 15;
    let check = (1..WORD - 1).map(digit).sum::<u64>() & 15;
    std::array::from_fn(|place| match place {
        0 => letter(connection, 16),
        WORD_END => letter(connection, check),
        place => letter(connection, digit(place)),
    })
}

const WORD_END: usize = WORD - 1;

/// The numbers of a connection's words, by its keys; and how many words were torn.
fn read_words(connection: u64, keys: &[u64]) -> (Vec<u64>, usize) {
    let (mut numbers, mut torn) = (Vec::new(), 0);
    let mut words = keys.split(|digit| *digit == 16);
    // Nothing comes before the first mark, unless that was lost.
    torn += usize::from(!words.next().is_some_and(<[u64]>::is_empty));
    for digits in words {
        let number = digits
            .iter()
            .take(WORD - 2)
            .fold(0, |number, digit| number << 4 | digit);
        let whole = word(connection, number)
            .into_iter()
            .skip(1)
            .map(|key| read_letter(key).unwrap().1);
        if whole.eq(digits.iter().copied()) {
            numbers.push(number);
        } else {
            torn += 1;
        }
    }
    (numbers, torn)
}

/// What one connection was typed, as its driver knows it.
#[derive(Debug)]
struct Spell {
    driver: usize,
    connection: u64,
    /// The first word of each message, and when it was given to the socket.
    sent: Vec<(u64, Instant)>,
    /// Words given to the socket, the last message maybe in part.
    words: u64,
    opened: Instant,
    ended: Instant,
    /// Times it was taken over by another process image.
    handoffs: usize,
}

impl Spell {
    fn sent_at(&self, number: u64) -> Instant {
        let at = self.sent.partition_point(|(first, _)| *first <= number);
        self.sent[at - 1].1
    }
}

/// What a driver sees of its connection.
#[derive(Debug, Default, Clone)]
struct Seen {
    ponged: u64,
    /// The question it answered last.
    question: u64,
    instances: Vec<String>,
    over: bool,
}

async fn listen(mut read: OwnedReadHalf, seen: watch::Sender<Seen>) {
    let mut buffer = BytesMut::new();
    let mut head = true;
    loop {
        if head && let Some(end) = buffer.windows(4).position(|four| four == b"\r\n\r\n") {
            head = false;
            let _ = buffer.split_to(end + 4);
        }
        while !head && let Some(got) = parse(&mut buffer) {
            match got {
                Got::Text(said) if said["type"] == "pong" => {
                    let id = said["id"].as_u64().unwrap();
                    seen.send_modify(|seen| {
                        (seen.question, seen.ponged) = (id >> 32, id & u64::from(u32::MAX));
                    });
                }
                Got::Text(said) if said["type"] == "hello" => {
                    let instance = said["instance"].as_str().unwrap().to_owned();
                    seen.send_modify(|seen| seen.instances.push(instance));
                }
                Got::Closed(..) | Got::Broken(_) => {
                    seen.send_modify(|seen| seen.over = true);
                }
                _ => {}
            }
        }
        if !matches!(read.read_buf(&mut buffer).await, Ok(1..)) {
            return seen.send_modify(|seen| seen.over = true);
        }
    }
}

/// How a driver stands.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
struct Standing {
    connection: Option<u64>,
    /// The process image that served this connection last.
    instance: Option<String>,
    /// The question that image answered last.
    question: u64,
}

/// What the drivers and who kills share.
#[derive(Debug)]
struct Scenery {
    port: u16,
    /// How many there have been.
    connections: AtomicU64,
    /// Words typed by all.
    typed: watch::Sender<u64>,
    /// Who is asked whether they are all there.
    question: watch::Sender<u64>,
    standing: watch::Sender<BTreeMap<usize, Standing>>,
    stop: watch::Sender<bool>,
}

/// Types numbered words over one connection after the other, as fast as muxview takes them in, now
/// and then a paste. Told to stop, it types some more over a last one, which all have to arrive.
async fn drive(scenery: Arc<Scenery>, driver: usize, seed: u64) -> Vec<Spell> {
    let mut dice = Dice(seed | 1);
    let mut spells = Vec::new();
    loop {
        let mut connection = None;
        let stands = |seen: &Seen, connection| {
            let standing = Standing {
                connection,
                instance: seen.instances.last().cloned(),
                question: seen.question,
            };
            scenery
                .standing
                .send_if_modified(|all| all.insert(driver, standing.clone()) != Some(standing));
        };
        stands(&Seen::default(), connection);
        let Ok(tcp) = TcpStream::connect(("127.0.0.1", scenery.port)).await else {
            panic!("the proxy listens always")
        };
        tcp.set_nodelay(true).unwrap();
        let (read, mut write) = tcp.into_split();
        let (tell, mut seen) = watch::channel(Seen::default());
        let listening = tokio::spawn(listen(read, tell));
        let head = "GET /s/main/ws?cols=80&rows=24 HTTP/1.1\r\nHost: localhost\r\n\
             Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
             Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Protocol: muxview.v1\r\n\r\n";
        let _ = write.write_all(head.as_bytes()).await;
        let greeted = seen.wait_for(|seen| seen.over || !seen.instances.is_empty());
        let greeted = timeout(PATIENCE, greeted).await.expect("greeted or ended");
        if greeted.unwrap().over {
            // Nobody is there now.
            tokio::time::sleep(LOOK_AGAIN).await;
            continue;
        }
        let connection = *connection.insert(scenery.connections.fetch_add(1, Ordering::Relaxed));
        let opened = Instant::now();
        let (mut words, mut sent) = (0, Vec::new());
        let mut until = None;
        loop {
            let now = seen.borrow_and_update().clone();
            stands(&now, Some(connection));
            if until.is_none() && *scenery.stop.borrow() {
                until = Some(words + LAST_WORDS);
            }
            if now.over || until.is_some_and(|until| words >= until) {
                break;
            }
            // A few messages ahead of what muxview says it has, as over a network.
            if words > now.ponged + 2000 || sent.len() as u64 > 6 + words_in(&sent, now.ponged) {
                let _ = timeout(PATIENCE, seen.changed())
                    .await
                    .expect("an answer or the end");
                continue;
            }
            // Someone typing, now and then pasting: no pause at all would only fill queues.
            tokio::time::sleep(Duration::from_micros(dice.below(4000))).await;
            let count = match dice.below(100) {
                0 => 500,
                1..10 => 2 + dice.below(30),
                _ => 1,
            };
            let keys: Vec<char> = (words..words + count)
                .flat_map(|number| word(connection, number))
                .collect();
            let text: String = keys.iter().collect();
            let text = text.as_bytes();
            sent.push((words, Instant::now()));
            words += count;
            let bytes = match dice.below(4) {
                // One message for each key.
                0 if count == 1 => keys
                    .iter()
                    .flat_map(|key| input(key.to_string().as_bytes()))
                    .collect(),
                1 => {
                    let (one, two) = text.split_at(dice.below(text.len() as u64) as usize);
                    [frame(0x02, one), frame(0x80, two)].concat()
                }
                _ => input(text),
            };
            let bytes = [bytes, ping(*scenery.question.borrow() << 32 | words)].concat();
            scenery.typed.send_modify(|typed| *typed += count);
            if write.write_all(&bytes).await.is_err() {
                // It is over, which the other half hears.
                let _ = timeout(PATIENCE, seen.wait_for(|seen| seen.over)).await;
            }
        }
        let last = until.is_some();
        if last {
            let all = seen.wait_for(|seen| seen.over || seen.ponged == words);
            let over = timeout(PATIENCE, all)
                .await
                .expect("an answer")
                .unwrap()
                .over;
            assert!(!over, "driver {driver} was disturbed at the end");
        }
        let handoffs = seen.borrow().instances.len() - 1;
        listening.abort();
        spells.push(Spell {
            driver,
            connection,
            sent,
            words,
            opened,
            ended: Instant::now(),
            handoffs,
        });
        if last {
            return spells;
        }
    }
}

/// How many messages hold the first words.
fn words_in(sent: &[(u64, Instant)], words: u64) -> u64 {
    sent.partition_point(|(first, _)| *first < words) as u64
}

/// What was done, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Deed {
    Muxview,
    /// The client in whose pty keys are typed.
    Client,
    Connection,
    Handoff,
}

struct Killer {
    scenery: Arc<Scenery>,
    dice: Dice,
    tmux: Tmux,
    service: Service,
    wire: Wire,
    /// What was done, from when to when: until another client was there.
    deeds: Vec<(Deed, Instant, Instant)>,
}

impl Killer {
    /// Process ids of muxview's tmux clients.
    fn clients(&self) -> Vec<u32> {
        // The one that guards sizes is no process of its own.
        let format = "#{?client_control_mode,,#{client_pid}}";
        let list = self.tmux.cmd(&["list-clients", "-F", format]);
        list.lines().filter_map(|line| line.parse().ok()).collect()
    }

    /// Waits until so many more words have been typed, by whoever can.
    async fn typing(&self, words: u64) {
        let mut typed = self.scenery.typed.subscribe();
        let until = *typed.borrow() + words;
        let waited = timeout(PATIENCE * 2, typed.wait_for(|typed| *typed >= until)).await;
        assert!(
            waited.is_ok(),
            "nobody types: {:?}",
            self.scenery.standing.borrow()
        );
    }

    /// Waits until every driver is served, all by the same process image, not that one.
    async fn calm(&self, not: Option<&String>) -> BTreeMap<usize, Standing> {
        self.scenery.question.send_modify(|question| *question += 1);
        let question = *self.scenery.question.borrow();
        let mut standing = self.scenery.standing.subscribe();
        let calm = standing.wait_for(|all| {
            let by: HashSet<_> = all.values().map(|own| own.instance.as_ref()).collect();
            let here = all.values().filter(|own| own.question == question).count();
            here == DRIVERS && by.len() == 1 && !by.contains(&not)
        });
        let calm = timeout(PATIENCE * 2, calm).await;
        match calm {
            Ok(calm) => calm.unwrap().clone(),
            Err(_) => panic!("not all are served: {:#?}", self.scenery.standing.borrow()),
        }
    }

    async fn act(&mut self, deed: Deed) {
        let began = Instant::now();
        match deed {
            Deed::Muxview => {
                self.service.kill();
                // A child that was about to become a tmux client still holds it.
                let port = self.service.port;
                until("the port", async || {
                    let bound = std::net::TcpListener::bind(("127.0.0.1", port));
                    bound.map(drop).map_err(|error| error.to_string())
                })
                .await;
                self.service.restart(&self.tmux);
            }
            Deed::Client => {
                let before = until("a client of this muxview", async || {
                    let own = process::children(self.service.pid());
                    let mut now = self.clients();
                    now.retain(|client| own.contains(client));
                    if now.is_empty() {
                        Err(String::new())
                    } else {
                        Ok(now)
                    }
                });
                let before = before.await;
                process::signal(before[0], "KILL");
                until("another client", async || {
                    let now = self.clients();
                    let own = process::children(self.service.pid());
                    let new = now
                        .iter()
                        .any(|client| own.contains(client) && !before.contains(client));
                    new.then_some(()).ok_or_else(|| format!("{now:?}"))
                })
                .await;
            }
            Deed::Connection => {
                let how = [Cut::Reset, Cut::Close][self.dice.below(2) as usize];
                let which = self.dice.below(4);
                self.wire.cut(how, which).await;
            }
            Deed::Handoff => {
                let before = self.calm(None).await;
                process::signal(self.service.pid(), "HUP");
                let after = self.calm(before[&0].instance.as_ref()).await;
                for (driver, own) in before {
                    let now = &after[&driver];
                    assert_eq!(
                        now.connection, own.connection,
                        "driver {driver} was cut by a handoff"
                    );
                }
            }
        }
        self.deeds.push((deed, began, Instant::now()));
    }

    fn count(&self, deed: Deed) -> usize {
        self.deeds.iter().filter(|(done, ..)| *done == deed).count()
    }
}

/// What became of the words.
#[derive(Debug, Default)]
struct Account {
    connections: usize,
    typed: u64,
    arrived: u64,
    /// Words lost in holes, by hole.
    holes: Vec<u64>,
    /// Words lost with the ends of connections.
    ends: u64,
    torn: usize,
}

impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let keys = |words: u64| words * WORD as u64;
        write!(
            f,
            "{} keys typed over {} connections, {} arrived, none twice and all in order; {} went with the \
             ends of connections, {} in {} holes where tmux's client was killed (the largest: {} keys)",
            keys(self.typed),
            self.connections,
            keys(self.arrived),
            keys(self.ends),
            keys(self.holes.iter().sum()),
            self.holes.len(),
            keys(self.holes.iter().max().copied().unwrap_or_default()),
        )
    }
}

/// Holds what arrived against what was typed.
fn account(spells: &[Spell], arrived: &[u8], deeds: &[(Deed, Instant, Instant)]) -> Account {
    let mut keys: HashMap<u64, Vec<u64>> = HashMap::new();
    for (connection, digit) in String::from_utf8_lossy(arrived)
        .chars()
        .filter_map(read_letter)
    {
        keys.entry(connection).or_default().push(digit);
    }
    let mut account = Account {
        connections: spells.len(),
        ..Account::default()
    };
    let clients: Vec<_> = deeds
        .iter()
        .filter(|(deed, ..)| *deed == Deed::Client)
        .collect();
    for spell in spells {
        let keys = keys.remove(&spell.connection).unwrap_or_default();
        let (got, torn) = read_words(spell.connection, &keys);
        account.torn += torn;
        if let Some(pair) = got.windows(2).find(|pair| pair[0] >= pair[1]) {
            panic!(
                "connection {}: {pair:?} arrived twice or out of order",
                spell.connection
            );
        }
        account.typed += spell.words;
        account.arrived += got.len() as u64;
        let mut next = 0;
        let mut holes = Vec::new();
        for number in got {
            assert!(number < spell.words, "{number} was never typed: {spell:?}");
            if number > next {
                holes.push((next, number));
            }
            next = number + 1;
        }
        account.ends += spell.words - next;
        let mut killed: Vec<_> = clients
            .iter()
            .filter(|(_, from, to)| *to >= spell.opened && *from <= spell.ended + DELIVERY)
            .collect();
        for (first, after) in holes {
            // Each belongs to one kill, and was typed before there was another client.
            let typed = spell.sent_at(after - 1);
            let cause = killed.iter().position(|(_, _, to)| typed <= *to);
            let Some(cause) = cause else {
                let since = |at: &Instant| at.saturating_duration_since(spell.opened);
                let deeds = deeds
                    .iter()
                    .filter(|(_, from, to)| *to >= spell.opened && *from <= spell.ended + DELIVERY)
                    .map(|(deed, from, to)| format!("{deed:?} {:?}..{:?}", since(from), since(to)));
                let (driver, from, to) =
                    (spell.driver, since(&spell.sent_at(first)), since(&typed));
                panic!(
                    "driver {driver}: words {first}..{after} of {}, typed {from:?}..{to:?}, are missing and no client was killed: {:#?}",
                    spell.words,
                    deeds.collect::<Vec<_>>()
                );
            };
            killed.drain(..=cause);
            assert!((after - first) * 3 * WORD as u64 <= PTY_BYTES);
            account.holes.push(after - first);
        }
    }
    assert!(keys.is_empty(), "never typed: {:?}", keys.keys());
    // Keys are whole, words need not be: each end of a connection may tear one, each hole two.
    let most = spells.len() + 2 * account.holes.len();
    assert!(
        account.torn <= most,
        "{} words are torn, {most} may be",
        account.torn
    );
    account
}

/// A session whose program writes down every byte it gets.
async fn recorder(tmux: &Tmux) -> PathBuf {
    let file = tmux.dir().join("arrived");
    tmux.session("main", 80, 24);
    let line = format!(
        "stty raw -echo; tmux wait-for -S raw; exec cat > {}",
        file.display()
    );
    tmux.enter("main:", &line);
    tmux.wait_for("raw").await;
    until("the program", async || {
        file.exists().then_some(()).ok_or_else(String::new)
    })
    .await;
    file
}

/// A port that stays free while muxview is away: none that a connection may be given for its own end.
fn free_port() -> u16 {
    let given = std::fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range");
    let given = given
        .ok()
        .and_then(|range| range.split_whitespace().next()?.parse().ok());
    let first = std::process::id() as u16 % 10_000;
    let below = given.unwrap_or(32_768_u16);
    let mut ports = (0..20_000).map(|n| below - 1 - (first + n) % 20_000);
    let free = ports.find(|port| std::net::TcpListener::bind(("127.0.0.1", *port)).is_ok());
    free.expect("a free port")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_at_random_moments_while_keys_are_typed() {
    let seed = std::env::var("MUXVIEW_SEED")
        .ok()
        .and_then(|seed| seed.parse().ok());
    let seed: u64 = seed.unwrap_or_else(|| u64::from(std::process::id()) << 16 | 1);
    println!("MUXVIEW_SEED={seed}");
    let tmux = Tmux::without_server();
    let file = recorder(&tmux).await;
    let service = Service::start_on(&tmux, free_port());
    let wire = Wire::to(service.port, seed).await;
    let scenery = Arc::new(Scenery {
        port: wire.port,
        connections: AtomicU64::new(0),
        typed: watch::Sender::default(),
        question: watch::Sender::default(),
        standing: watch::Sender::default(),
        stop: watch::Sender::default(),
    });
    let mut dice = Dice(seed);
    let drivers: Vec<JoinHandle<Vec<Spell>>> = (0..DRIVERS)
        .map(|driver| tokio::spawn(drive(Arc::clone(&scenery), driver, dice.below(1 << 60))))
        .collect();
    let mut killer = Killer {
        scenery,
        dice,
        tmux,
        service,
        wire,
        deeds: Vec::new(),
    };
    killer.calm(None).await;
    let kills = soak(40, 300);
    for kill in 0..kills {
        // Now and then at once: while the one before is being got over.
        if !killer.dice.one_in(5) {
            let words = 1 + killer.dice.below(150);
            killer.typing(words).await;
        }
        let deed = match killer.dice.below(10) {
            0..3 => Deed::Muxview,
            3..7 => Deed::Client,
            _ => Deed::Connection,
        };
        killer.act(deed).await;
        if kill % 8 == 7 {
            killer.act(Deed::Handoff).await;
        }
    }
    killer.calm(None).await;
    killer.scenery.stop.send_replace(true);
    let mut spells = Vec::new();
    for driver in drivers {
        spells.extend(driver.await.expect("no driver failed"));
    }
    // What was typed last arrives.
    let last = |driver| {
        spells
            .iter()
            .rev()
            .find(|spell: &&Spell| spell.driver == driver)
    };
    let lasts: Vec<_> = (0..DRIVERS).filter_map(last).collect();
    let arrived = until("what was typed last", async || {
        let arrived = std::fs::read(&file).unwrap();
        let text = String::from_utf8_lossy(&arrived);
        let missing = lasts.iter().find(|spell| {
            let keys = text.chars().rev().filter(|key| {
                read_letter(*key).is_some_and(|(connection, _)| connection == spell.connection)
            });
            let last = word(spell.connection, spell.words - 1);
            !keys.take(WORD).eq(last.into_iter().rev())
        });
        let missing =
            missing.map(|spell| format!("{} of connection {}", spell.words, spell.connection));
        missing.map_or(Ok(arrived.clone()), Err)
    })
    .await;
    let account = account(&spells, &arrived, &killer.deeds);
    let handoffs: usize = spells.iter().map(|spell| spell.handoffs).sum();
    println!(
        "{kills} kills ({} of muxview, {} of its tmux client, {} of connections) \
         and {} handoffs ({handoffs} times a connection went on): {account}",
        killer.count(Deed::Muxview),
        killer.count(Deed::Client),
        killer.count(Deed::Connection),
        killer.count(Deed::Handoff),
    );
}

/// What muxview has said that it has arrives, though the connection is cut right then.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cut_takes_nothing_that_was_received() {
    let tmux = Tmux::without_server();
    let file = recorder(&tmux).await;
    let service = Service::start(&tmux);
    let mut typed = Vec::new();
    for visit in 0..soak(30, 300) {
        let wire = Wire::to(service.port, visit + 1).await;
        let mut raw = Raw::join(&Target::Tcp(wire.port), "main", "cols=80&rows=24").await;
        for number in 0..=visit % 5 {
            let words: String = (0..1 + visit * 7 % 400)
                .flat_map(|at| word(0, number * 400 + at))
                .collect();
            raw.write(&[input(words.as_bytes()), ping(number)].concat())
                .await;
            raw.ponged(number).await;
            typed.extend(words.into_bytes());
        }
        wire.cut([Cut::Reset, Cut::Close][visit as usize % 2], 3)
            .await;
        assert_eq!(raw.closed().await.0, 1006);
        until("all of it to arrive", async || {
            let arrived = std::fs::read(&file).unwrap();
            let missing = || format!("{} of {} keys", arrived.len(), typed.len());
            (arrived.len() >= typed.len())
                .then_some(())
                .ok_or_else(missing)
        })
        .await;
    }
    assert_eq!(std::fs::read(&file).unwrap(), typed);
}
