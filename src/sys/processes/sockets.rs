//! Which sockets a process has, and what the kernel's tables say of them: who listens, who is connected.
//! Knows no protocol above TCP and UDP. vsock(7) has no table there.

use std::collections::HashSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// What a process has open, as far as it tells whom it serves.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Descriptors {
    /// The inodes of its sockets.
    pub sockets: HashSet<u64>,
    /// Those of them that are its standard input, output or error: a journal or a log, as a rule.
    pub standard: HashSet<u64>,
    /// Whether it is told of changes of files (inotify(7), fanotify(7)).
    pub watches_files: bool,
}

/// What a socket waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum State {
    /// Somebody new.
    Listens,
    /// Somebody who is there, or was until a moment ago.
    Connected,
    /// Somebody who is there, by way of a socket of this host that has no name: who has connected to another one, as to
    /// D-Bus, and both ends of a socketpair(2).
    Unnamed,
    /// Anything else.
    Other,
}

/// A socket of one network namespace.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Socket {
    /// Its inode; 0 for what is left of a connection that its process has closed.
    pub inode: u64,
    /// What it waits for.
    pub state: State,
    /// Where it can be reached: `tcp 127.0.0.1:8000`, `udp *:53`, `unix /run/app.sock`.
    pub place: String,
    /// Transport and port, or the path: what a connection has in common with the socket that took it in.
    pub port: String,
    /// The other side of a connection.
    pub peer: String,
}

/// Looks through the descriptors of a process; `None` where that is not allowed or it has gone.
#[must_use]
pub fn descriptors(pid: i32) -> Option<Descriptors> {
    let mut found = Descriptors::default();
    for entry in std::fs::read_dir(format!("/proc/{pid}/fd")).ok()?.flatten() {
        let Ok(target) = std::fs::read_link(entry.path()) else { continue };
        let Some(target) = target.to_str() else { continue };
        let socket = target.strip_prefix("socket:[").and_then(|rest| rest.strip_suffix(']'));
        let inode = socket.and_then(|inode| inode.parse::<u64>().ok());
        found.sockets.extend(inode);
        let is_standard = matches!(entry.file_name().to_str(), Some("0" | "1" | "2"));
        found.standard.extend(inode.filter(|_| is_standard));
        found.watches_files |= matches!(target, "anon_inode:inotify" | "anon_inode:[fanotify]");
    }
    Some(found)
}

/// The sockets of the network namespace that a process is in (proc_pid_net(5)).
#[must_use]
pub fn table(pid: i32) -> Vec<Socket> {
    let read = |name: &str| super::text(&format!("/proc/{pid}/net/{name}")).unwrap_or_default();
    let mut sockets = Vec::new();
    for transport in ["tcp", "udp", "raw"] {
        for (name, transport) in [(transport.to_owned(), transport), (format!("{transport}6"), transport)] {
            sockets.extend(read(&name).lines().skip(1).filter_map(|line| internet(line, transport)));
        }
    }
    sockets.extend(read("unix").lines().skip(1).filter_map(unix));
    sockets.extend(read("netlink").lines().skip(1).filter_map(netlink));
    sockets.extend(read("packet").lines().skip(1).filter_map(packet));
    sockets
}

/// A line of `/proc/net/tcp` and its like: `sl local rem st tx:rx tr:tm retr uid timeout inode`.
fn internet(line: &str, transport: &str) -> Option<Socket> {
    let mut fields = line.split_ascii_whitespace().skip(1);
    let (local, remote, state) = (address(fields.next()?)?, address(fields.next()?)?, fields.next()?);
    let inode = fields.nth(5)?.parse().ok()?;
    let state = match (transport, state) {
        ("tcp", "0A") => State::Listens,
        // Established; and closed by one side or both, down to what is kept for a minute.
        ("tcp", "01" | "04" | "05" | "06" | "08" | "09" | "0B") => State::Connected,
        // Bound to a port and not connected: whoever sends there is heard.
        ("udp" | "raw", "07") if remote.1 == 0 => State::Listens,
        _ => State::Other,
    };
    let host = if local.0.is_unspecified() { "*".to_owned() } else { host(local.0) };
    Some(Socket {
        inode,
        state,
        place: format!("{transport} {host}:{}", local.1),
        port: format!("{transport} {}", local.1),
        peer: format!("{}:{}", host_of(remote.0), remote.1),
    })
}

fn host(address: IpAddr) -> String {
    if address.is_ipv6() { format!("[{address}]") } else { address.to_string() }
}

/// An IPv4 peer is the same whichever family the socket was opened for.
fn host_of(address: IpAddr) -> String {
    host(address.to_canonical())
}

/// `0100007F:1F90`: each 32 bits in the order of this machine's bytes, the port in that of people.
fn address(text: &str) -> Option<(IpAddr, u16)> {
    let (host, port) = text.split_once(':')?;
    let port = u16::from_str_radix(port, 16).ok()?;
    let word = |at: usize| u32::from_str_radix(host.get(at..at + 8)?, 16).ok().map(u32::to_ne_bytes);
    let address = match host.len() {
        8 => IpAddr::V4(Ipv4Addr::from(word(0)?)),
        32 => {
            let mut octets = [0; 16];
            for (at, part) in octets.chunks_exact_mut(4).enumerate() {
                part.copy_from_slice(&word(at * 8)?);
            }
            IpAddr::V6(Ipv6Addr::from(octets))
        }
        _ => return None,
    };
    Some((address, port))
}

/// A line of `/proc/net/netlink`: `sk Eth Pid Groups Rmem Wmem Dump Locks Drops Inode`. One that has joined groups is told
/// what happens; any other one has asked something.
fn netlink(line: &str) -> Option<Socket> {
    let mut fields = line.split_ascii_whitespace().skip(1);
    let (family, groups) = (fields.next()?, fields.nth(1)?);
    let is_told = u32::from_str_radix(groups, 16).ok()? != 0;
    let state = if is_told { State::Listens } else { State::Other };
    Some(of_the_kernel(fields.nth(5)?.parse().ok()?, state, format!("netlink, family {family}")))
}

/// A line of `/proc/net/packet`: `sk RefCnt Type Proto Iface R Rmem User Inode`.
fn packet(line: &str) -> Option<Socket> {
    let mut fields = line.split_ascii_whitespace().skip(3);
    let protocol = fields.next()?;
    let inode = fields.nth(4)?.parse().ok()?;
    Some(of_the_kernel(inode, State::Listens, format!("packets of type {protocol}")))
}

/// A socket that has no other side but the kernel.
fn of_the_kernel(inode: u64, state: State, place: String) -> Socket {
    Socket { inode, state, port: place.clone(), place, peer: String::new() }
}

/// A line of `/proc/net/unix`: `Num RefCount Protocol Flags Type St Inode Path`. One without a path serves nobody new.
fn unix(line: &str) -> Option<Socket> {
    const ACCEPTS: &str = "00010000";
    const DATAGRAM: &str = "0002";
    let mut rest = line;
    let mut fields = [""; 7];
    for field in &mut fields {
        (*field, rest) = rest.trim_start().split_once(' ').unwrap_or((rest.trim_start(), ""));
    }
    let (flags, kind, state, path) = (fields[3], fields[4], fields[5], rest.trim_start());
    // A name that the kernel has drawn for one who wanted an answer (unix(7), autobind).
    let is_drawn = path
        .strip_prefix('@')
        .is_some_and(|name| name.len() == 5 && name.bytes().all(|b| b.is_ascii_hexdigit()));
    let state = match (flags, kind, state) {
        (_, "0001" | "0005", "03") if path.is_empty() => State::Unnamed,
        _ if path.is_empty() => return None,
        (ACCEPTS, _, _) => State::Listens,
        (_, DATAGRAM, _) if !is_drawn => State::Listens,
        (_, _, "03") => State::Connected,
        _ => State::Other,
    };
    let place = format!("unix {path}");
    Some(Socket {
        inode: fields[6].parse().ok()?,
        state,
        port: place.clone(),
        place,
        peer: fields[6].to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listener_and_who_is_connected_to_it_are_seen() {
        let own = i32::try_from(std::process::id()).unwrap();
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let at = listener.local_addr().unwrap();
        let client = std::net::TcpStream::connect(at).unwrap();
        let (served, _) = listener.accept().unwrap();
        let all = table(own);
        let sockets = descriptors(own).unwrap().sockets;
        let listening =
            all.iter().find(|one| one.state == State::Listens && one.port == format!("tcp {}", at.port()));
        assert!(listening.is_some_and(|one| sockets.contains(&one.inode)), "{listening:?}");
        assert_eq!(listening.unwrap().place, format!("tcp 127.0.0.1:{}", at.port()));
        let peer = client.local_addr().unwrap().to_string();
        let connected = all.iter().find(|one| one.peer == peer).unwrap();
        assert_eq!((connected.state, &connected.port), (State::Connected, &listening.unwrap().port));
        drop(served);
    }

    #[test]
    fn a_name_that_is_no_text_hides_no_other_socket() {
        use std::os::linux::net::SocketAddrExt as _;
        use std::os::unix::net::{SocketAddr, UnixListener};
        let own = i32::try_from(std::process::id()).unwrap();
        let name = |ends: &[u8]| [format!("ebb-test-{own}-").as_bytes(), ends].concat();
        let bind =
            |name: &[u8]| UnixListener::bind_addr(&SocketAddr::from_abstract_name(name).unwrap()).unwrap();
        let _both = (bind(&name(b"\xff\xfe")), bind(&name(b"plain")));
        let place = format!("unix @ebb-test-{own}-plain");
        assert!(table(own).iter().any(|one| one.state == State::Listens && one.place == place));
    }

    #[test]
    fn lines_of_the_kernels_tables_are_understood() {
        let tcp = "   0: 00000000:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 110 1 0";
        let found = internet(tcp, "tcp").unwrap();
        assert_eq!((found.inode, found.state, found.place.as_str()), (110, State::Listens, "tcp *:8080"));
        let v6 = "   1: 00000000000000000000000001000000:0016 0000000000000000FFFF00000100007F:A000 01 \
                  0:0 00:0 0     0        0 7 1 0";
        let found = internet(v6, "tcp").unwrap();
        assert_eq!((found.place.as_str(), found.peer.as_str()), ("tcp [::1]:22", "127.0.0.1:40960"));
        let udp = "  2: 0100007F:0035 00000000:0000 07 0:0 00:0 0   101        0 9 2 0 0";
        assert_eq!(internet(udp, "udp").unwrap().state, State::Listens);
        assert_eq!(internet("nonsense", "tcp"), None);
    }

    #[test]
    fn who_is_told_by_the_kernel_listens_and_who_asked_it_does_not() {
        let of = |groups: &str| netlink(&format!("0000000034fe 15 812 {groups} 0 0 0 2 0 1576")).unwrap();
        assert_eq!((of("00000002").state, of("00000000").state), (State::Listens, State::Other));
        assert_eq!((of("00000002").inode, of("00000002").place.as_str()), (1576, "netlink, family 15"));
        let found = packet("00000000d0a1 3 3 0003 0 1 0 0 99").unwrap();
        assert_eq!(
            (found.inode, found.state, found.place.as_str()),
            (99, State::Listens, "packets of type 0003")
        );
        assert_eq!((netlink("x"), packet("a b c")), (None, None));
    }

    #[test]
    fn of_unix_sockets_those_with_a_path_count() {
        let line = |rest: &str| unix(&format!("0000000099973abc: 00000002 00000000 {rest}"));
        let listening = line("00010000 0001 01 2635980 /run/with blank.sock").unwrap();
        assert_eq!(
            (listening.state, listening.place.as_str()),
            (State::Listens, "unix /run/with blank.sock")
        );
        assert_eq!(line("00000000 0001 03   107 /run/a.sock").unwrap().state, State::Connected);
        assert_eq!(line("00000000 0002 01   108 /run/log.sock").unwrap().state, State::Listens);
        assert_eq!(line("00000000 0002 01   108 @0001f").unwrap().state, State::Other);
        assert_eq!(
            line("00000000 0001 03   107").map(|one| (one.state, one.inode)),
            Some((State::Unnamed, 107))
        );
        assert_eq!(line("00000000 0002 01   107"), None);
        assert_eq!(line("00000000"), None);
    }
}
