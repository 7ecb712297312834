//! Whom processes serve: who listens where, and which connections came there, over many looks at the kernel's tables.

use std::collections::{HashMap, HashSet};

use crate::audit::Watched;
use crate::limits;
use crate::sys::processes::Process;
use crate::sys::processes::sockets::{self, Descriptors, Socket, State};

/// The network namespaces that are looked at.
#[derive(Debug, Default)]
pub(super) struct Served {
    namespaces: HashMap<String, Namespace>,
}

/// What is said of a peer that the kernel does not name.
const UNNAMED: &str = "a socket of this host, such as D-Bus";

/// What was seen in one.
#[derive(Debug, Default)]
struct Namespace {
    /// Processes that are in it, to look through; as soon as one has gone the next one is asked.
    pids: Vec<i32>,
    /// Who listens, by inode.
    listening: HashMap<u64, Socket>,
    /// Who is connected, by inode.
    connected: HashMap<u64, Socket>,
    /// Who is connected to somebody on this host without a name of its own, by inode.
    unnamed: HashSet<u64>,
    /// The different peers of a port.
    peers: HashMap<String, HashSet<String>>,
    /// What was left of connections of before the first look.
    over: HashSet<(String, String)>,
    has_looked: bool,
}

impl Served {
    /// From now on the namespace of this process is looked at.
    pub(super) fn add_namespace(&mut self, process: &Process) {
        if let Some(name) = &process.network {
            self.namespaces.entry(name.clone()).or_default().pids.push(process.pid);
        }
    }

    /// Another look.
    pub(super) fn look(&mut self) {
        for namespace in self.namespaces.values_mut() {
            let sockets =
                namespace.pids.iter().map(|pid| sockets::table(*pid)).find(|table| !table.is_empty());
            namespace.add(sockets.unwrap_or_default());
        }
    }

    /// What a process with these sockets listens on, is connected to, and how many came.
    pub(super) fn fill(&self, one: &mut Watched, open: &Descriptors) {
        let sockets = &open.sockets;
        let Some(namespace) = one.process.network.as_ref().and_then(|name| self.namespaces.get(name)) else {
            return;
        };
        let listening: Vec<&Socket> =
            sockets.iter().filter_map(|inode| namespace.listening.get(inode)).collect();
        let ports: HashSet<&String> = listening.iter().map(|socket| &socket.port).collect();
        one.served =
            ports.iter().filter_map(|port| namespace.peers.get(*port)).map(|peers| peers.len() as u64).sum();
        one.listens = sorted(listening.iter().map(|socket| socket.place.clone()));
        let own = sockets.iter().filter_map(|inode| namespace.connected.get(inode));
        // What came in is not gone to; a worker that has only the connection does not listen itself, but its port is known.
        let is_from_here = |socket: &&Socket| !namespace.listening.values().any(|it| it.port == socket.port);
        let named = own.filter(is_from_here).map(|socket| format!("{} {}", transport(socket), socket.peer));
        let is_unnamed = |inode: &u64| namespace.unnamed.contains(inode) && !open.standard.contains(inode);
        let unnamed =
            has_odd(sockets.iter().copied().filter(is_unnamed).collect()).then(|| UNNAMED.to_owned());
        one.connected = sorted(named.chain(unnamed));
    }
}

/// Whether one of these sockets has its other end elsewhere. The ends of a pair are made one after the other: who has both
/// talks to itself, as each event loop does.
fn has_odd(mut inodes: Vec<u64>) -> bool {
    inodes.sort_unstable();
    inodes.chunk_by(|a, b| a.abs_diff(*b) == 1).any(|chain| chain.len() % 2 == 1)
}

fn transport(socket: &Socket) -> &str {
    socket.port.split(' ').next().unwrap_or_default()
}

fn sorted(places: impl Iterator<Item = String>) -> Vec<String> {
    let mut places: Vec<String> = places.collect();
    places.sort_unstable();
    places.dedup();
    places
}

impl Namespace {
    fn add(&mut self, table: Vec<Socket>) {
        self.unnamed.clear();
        for socket in table {
            match socket.state {
                State::Listens => drop(self.listening.insert(socket.inode, socket)),
                State::Connected => {
                    let key = (socket.port.clone(), socket.peer.clone());
                    if !self.has_looked && socket.inode == 0 {
                        self.over.insert(key);
                        continue;
                    }
                    if self.over.contains(&key) {
                        continue;
                    }
                    let peers = self.peers.entry(key.0).or_default();
                    if peers.len() < limits::AUDIT_PEERS_MAX {
                        peers.insert(key.1);
                    }
                    if socket.inode != 0 && self.connected.len() < limits::AUDIT_PEERS_MAX {
                        self.connected.insert(socket.inode, socket);
                    }
                }
                State::Unnamed => drop(self.unnamed.insert(socket.inode)),
                State::Other => {}
            }
        }
        self.has_looked = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn socket(inode: u64, state: State, port: &str, peer: &str) -> Socket {
        Socket {
            inode,
            state,
            place: format!("tcp *:{port}"),
            port: format!("tcp {port}"),
            peer: peer.to_owned(),
        }
    }

    #[test]
    fn each_peer_counts_once_and_those_of_before_not_at_all() {
        let mut namespace = Namespace::default();
        let listener = || socket(7, State::Listens, "80", "");
        namespace.add(vec![
            listener(),
            socket(0, State::Connected, "80", "a:1"),
            socket(8, State::Connected, "80", "a:2"),
        ]);
        namespace.add(vec![
            listener(),
            socket(0, State::Connected, "80", "a:1"),
            socket(0, State::Connected, "80", "a:3"),
        ]);
        namespace.add(vec![
            listener(),
            socket(8, State::Connected, "80", "a:2"),
            socket(9, State::Connected, "5432", "db:1"),
        ]);
        let mut served = Served::default();
        served.namespaces.insert("net:[1]".to_owned(), namespace);
        let mut one = Watched::default();
        one.process.network = Some("net:[1]".to_owned());
        let sockets = HashSet::from([7, 8, 9]);
        served.fill(&mut one, &Descriptors { sockets, ..Descriptors::default() });
        assert_eq!((one.served, one.listens), (2, vec!["tcp *:80".to_owned()]));
        assert_eq!(one.connected, ["tcp db:1"]);
    }

    #[test]
    fn who_is_on_the_bus_is_connected_and_who_talks_to_itself_is_not() {
        let mut namespace = Namespace::default();
        namespace.add([20, 29, 30, 31, 40].map(|inode| socket(inode, State::Unnamed, "", "")).to_vec());
        let mut served = Served::default();
        served.namespaces.insert("net:[1]".to_owned(), namespace);
        let connected = |sockets: &[u64], standard: &[u64]| {
            let mut one = Watched::default();
            one.process.network = Some("net:[1]".to_owned());
            let (sockets, standard) = (sockets.iter().copied().collect(), standard.iter().copied().collect());
            served.fill(&mut one, &Descriptors { sockets, standard, watches_files: false });
            one.connected
        };
        assert_eq!(connected(&[20, 40], &[40]), [UNNAMED]);
        assert_eq!(connected(&[29, 30, 31, 40], &[40]), [UNNAMED], "connected just before its loop was made");
        assert_eq!(connected(&[30, 31, 40], &[40]), [""; 0], "its event loop's pair, and its journal");
    }
}
