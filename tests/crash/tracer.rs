//! Runs a process system call by system call (ptrace(2)), and kills it, or lets a call fail, at the one that is asked for.
//! Its children are not followed. Knows nothing of what the process is for.

use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::mpsc;
use std::thread::JoinHandle;

use nix::sys::ptrace::{self, Options};
use nix::sys::signal::Signal;
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::Pid;

/// Where something is done to the process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Deed {
    /// It dies before this call is carried out.
    KillBefore(usize),
    /// It dies right after this call.
    KillAfter(usize),
    /// This call fails with an error that fits it.
    Fail(usize),
}

/// What is done, and what is counted.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Plan {
    pub(crate) deed: Option<Deed>,
    /// The journal's so manieth fdatasync (from 1) fails on top of it.
    pub(crate) sync_fails: Option<usize>,
    /// Calls about the file of this name fail, as long as there is a file `bad` above its directory.
    pub(crate) file_fails: Option<&'static str>,
    /// Whether calls count that only take something of the system (a descriptor), and change nothing.
    pub(crate) counts_takers: bool,
}

/// What became of it.
#[derive(Debug)]
pub(crate) struct Trace {
    /// Calls that counted.
    pub(crate) counted: usize,
    /// The call that the deed was done to; none where the process never got so far.
    pub(crate) hit: Option<String>,
    /// How many calls had counted when the sync failed that was to fail.
    pub(crate) sync_failed_at: Option<usize>,
    /// Bytes of the live journal that are on disk for sure.
    pub(crate) synced: u64,
    pub(crate) status: WaitStatus,
}

/// A process that is being traced.
pub(crate) struct Traced {
    pub(crate) pid: Pid,
    thread: JoinHandle<Trace>,
}

impl Traced {
    /// Starts it; none where this system does not let it be traced.
    pub(crate) fn start(command: Command, plan: Plan) -> Option<Self> {
        let (sender, receiver) = mpsc::channel();
        // Only the thread that starts it may trace it.
        let thread = std::thread::spawn(move || {
            let pid = launch(command);
            sender.send(pid).unwrap();
            match pid {
                Some(pid) => Tracer {
                    pid,
                    plan,
                    counted: 0,
                    syncs: 0,
                    sync_failed_at: None,
                    synced: 0,
                    hit: None,
                    then: Then::Nothing,
                }
                .run(),
                None => Trace {
                    counted: 0,
                    hit: None,
                    sync_failed_at: None,
                    synced: 0,
                    status: WaitStatus::StillAlive,
                },
            }
        });
        let pid = receiver.recv().unwrap()?;
        Some(Self { pid, thread })
    }

    pub(crate) fn has_ended(&self) -> bool {
        self.thread.is_finished()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let _ = nix::sys::signal::kill(self.pid, signal);
    }

    /// Waits for its end.
    pub(crate) fn end(self) -> Trace {
        self.thread.join().unwrap()
    }
}

fn launch(mut command: Command) -> Option<Pid> {
    // SAFETY: between fork and exec the closure makes one system call and touches no memory of its parent.
    unsafe { command.pre_exec(|| Ok(ptrace::traceme()?)) };
    let child = command.spawn().ok()?;
    let pid = Pid::from_raw(i32::try_from(child.id()).unwrap());
    match waitpid(pid, None) {
        Ok(WaitStatus::Stopped(..)) => {
            ptrace::setoptions(pid, Options::PTRACE_O_TRACESYSGOOD | Options::PTRACE_O_EXITKILL).ok()?;
            Some(pid)
        }
        _ => None,
    }
}

/// What is to be done at the end of the call that is under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Then {
    Nothing,
    Kill,
    /// It was taken away at its beginning; this is its result.
    Return(i32),
    /// A sync of the journal that, if it succeeds, has brought so much to disk.
    Synced(u64),
}

struct Tracer {
    pid: Pid,
    plan: Plan,
    counted: usize,
    syncs: usize,
    sync_failed_at: Option<usize>,
    synced: u64,
    hit: Option<String>,
    then: Then,
}

impl Tracer {
    fn run(mut self) -> Trace {
        let _ = ptrace::syscall(self.pid, None);
        loop {
            let status = waitpid(self.pid, None).unwrap();
            let signal = match status {
                WaitStatus::Exited(..) | WaitStatus::Signaled(..) => {
                    return Trace {
                        counted: self.counted,
                        hit: self.hit,
                        sync_failed_at: self.sync_failed_at,
                        synced: self.synced,
                        status,
                    };
                }
                WaitStatus::PtraceSyscall(_) => {
                    self.stopped();
                    None
                }
                WaitStatus::Stopped(_, signal) => Some(signal),
                _ => None,
            };
            // It may have been killed meanwhile; then the next wait says so.
            let _ = ptrace::syscall(self.pid, signal);
        }
    }

    fn stopped(&mut self) {
        let Ok(info) = ptrace::syscall_info(self.pid) else { return };
        match info.op {
            libc::PTRACE_SYSCALL_INFO_ENTRY => {
                // SAFETY: the kernel says that it is this part of the union that it has filled.
                let entry = unsafe { info.u.entry };
                self.begins(i64::try_from(entry.nr).unwrap_or(-1), entry.args);
            }
            libc::PTRACE_SYSCALL_INFO_EXIT => {
                // SAFETY: as above.
                let exit = unsafe { info.u.exit };
                self.ends(exit.sval);
            }
            _ => {}
        }
    }

    fn begins(&mut self, number: i64, args: [u64; 6]) {
        self.then = Then::Nothing;
        let Some(call) = Call::of(self.pid, number, args, self.plan.counts_takers) else { return };
        if call.is_sync && call.target.ends_with("journal.jsonl") {
            self.syncs += 1;
            self.then = Then::Synced(std::fs::metadata(&call.target).map_or(0, |facts| facts.len()));
            if self.plan.sync_fails == Some(self.syncs) {
                self.sync_failed_at = Some(self.counted + 1);
                self.fail(libc::EIO);
            }
        }
        if call.is_rename && call.target.ends_with("journal.next") {
            // The head of a new segment was synced before it gets its name.
            self.synced = std::fs::metadata(&call.target).map_or(0, |facts| facts.len());
        }
        if self.plan.file_fails.is_some_and(|name| call.target.ends_with(name))
            && call.target.ancestors().nth(2).is_some_and(|dir| dir.join("bad").exists())
        {
            self.fail(call.errno);
        }
        self.counted += 1;
        match self.plan.deed {
            Some(Deed::KillBefore(at)) if at == self.counted => {
                self.hit = Some(format!("before {call}"));
                let _ = nix::sys::signal::kill(self.pid, Signal::SIGKILL);
            }
            Some(Deed::KillAfter(at)) if at == self.counted => {
                self.hit = Some(format!("after {call}"));
                self.then = Then::Kill;
            }
            Some(Deed::Fail(at)) if at == self.counted => {
                self.hit = Some(format!("{} of {call}", nix::errno::Errno::from_raw(call.errno)));
                self.fail(call.errno);
            }
            _ => {}
        }
    }

    fn fail(&mut self, errno: i32) {
        registers::take_away(self.pid);
        self.then = Then::Return(-errno);
    }

    fn ends(&mut self, result: i64) {
        match std::mem::replace(&mut self.then, Then::Nothing) {
            Then::Nothing => {}
            Then::Kill => drop(nix::sys::signal::kill(self.pid, Signal::SIGKILL)),
            Then::Return(value) => registers::set_result(self.pid, i64::from(value)),
            Then::Synced(length) => {
                if result == 0 {
                    self.synced = length;
                }
            }
        }
    }
}

/// A system call that counts.
struct Call {
    name: &'static str,
    /// The file that it is about, where it is about one.
    target: PathBuf,
    /// What it fails with, if it is to fail.
    errno: i32,
    is_sync: bool,
    is_rename: bool,
}

impl std::fmt::Display for Call {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.name, self.target.display())
    }
}

/// How a call names its file.
#[derive(Clone, Copy)]
enum About {
    Nothing,
    /// The descriptor in its first argument.
    Fd,
    /// The path in this argument.
    Path(usize),
}

impl Call {
    /// None for a call that changes nothing, and for what ebbd only says to itself or to its log.
    fn of(pid: Pid, number: i64, args: [u64; 6], takers: bool) -> Option<Self> {
        let (name, errno, about) = describe(number, args, takers)?;
        let target = match about {
            About::Nothing => PathBuf::new(),
            About::Fd => {
                let link = std::fs::read_link(format!("/proc/{pid}/fd/{}", args[0])).unwrap_or_default();
                if args[0] == 2 || link == Path::new("anon_inode:[eventfd]") {
                    return None;
                }
                link
            }
            About::Path(at) => path_at(pid, args[at]),
        };
        let is_sync = number == libc::SYS_fdatasync;
        Some(Self { name, target, errno, is_sync, is_rename: name == "rename" })
    }
}

fn path_at(pid: Pid, address: u64) -> PathBuf {
    use std::os::unix::fs::FileExt;
    let mut bytes = [0; 256];
    let memory = std::fs::File::open(format!("/proc/{pid}/mem"));
    let count = memory.and_then(|file| file.read_at(&mut bytes, address)).unwrap_or(0);
    let end = bytes[..count].iter().position(|b| *b == 0).unwrap_or(0);
    PathBuf::from(String::from_utf8_lossy(&bytes[..end]).into_owned())
}

/// The calls that count: name, what they fail with, what they are about.
fn describe(number: i64, args: [u64; 6], takers: bool) -> Option<(&'static str, i32, About)> {
    use About::{Fd, Nothing, Path};
    let makes = |flags: u64| flags & (libc::O_CREAT | libc::O_TRUNC) as u64 != 0;
    #[cfg(target_arch = "x86_64")]
    let old = match number {
        libc::SYS_open if makes(args[1]) || takers => Some(("open", libc::EMFILE, Path(0))),
        libc::SYS_mkdir => Some(("mkdir", libc::ENOSPC, Path(0))),
        libc::SYS_rmdir => Some(("rmdir", libc::EBUSY, Path(0))),
        libc::SYS_unlink => Some(("unlink", libc::EIO, Path(0))),
        libc::SYS_rename => Some(("rename", libc::EIO, Path(0))),
        libc::SYS_link => Some(("link", libc::EIO, Path(0))),
        libc::SYS_chmod => Some(("chmod", libc::EIO, Path(0))),
        _ => None,
    };
    #[cfg(not(target_arch = "x86_64"))]
    let old = None;
    old.or(Some(match number {
        libc::SYS_write => ("write", libc::ENOSPC, Fd),
        libc::SYS_pwrite64 => ("pwrite", libc::ENOSPC, Fd),
        libc::SYS_writev => ("writev", libc::ENOSPC, Fd),
        libc::SYS_pwritev => ("pwritev", libc::ENOSPC, Fd),
        libc::SYS_ftruncate => ("ftruncate", libc::EIO, Fd),
        libc::SYS_fallocate => ("fallocate", libc::ENOSPC, Fd),
        libc::SYS_fdatasync => ("fdatasync", libc::EIO, Fd),
        libc::SYS_fsync => ("fsync", libc::EIO, Fd),
        libc::SYS_fchown => ("fchown", libc::EIO, Fd),
        libc::SYS_fchmod => ("fchmod", libc::EIO, Fd),
        libc::SYS_openat if makes(args[2]) || takers => ("openat", libc::EMFILE, Path(1)),
        libc::SYS_mkdirat => ("mkdir", libc::ENOSPC, Path(1)),
        libc::SYS_unlinkat => ("unlink", libc::EIO, Path(1)),
        libc::SYS_renameat | libc::SYS_renameat2 => ("rename", libc::EIO, Path(1)),
        libc::SYS_linkat => ("link", libc::EIO, Path(1)),
        libc::SYS_fchmodat => ("chmod", libc::EIO, Path(1)),
        libc::SYS_clone3 => ("clone3", libc::EAGAIN, Nothing),
        libc::SYS_clone => ("clone", libc::EAGAIN, Nothing),
        libc::SYS_kill => ("kill", libc::EPERM, Nothing),
        libc::SYS_pidfd_send_signal => ("pidfd_send_signal", libc::EPERM, Nothing),
        libc::SYS_waitid => ("waitid", libc::ECHILD, Nothing),
        libc::SYS_sendto => ("sendto", libc::EPIPE, Nothing),
        libc::SYS_sendmsg => ("sendmsg", libc::EPIPE, Nothing),
        libc::SYS_bind => ("bind", libc::EADDRINUSE, Nothing),
        libc::SYS_listen => ("listen", libc::EADDRINUSE, Nothing),
        libc::SYS_accept4 => ("accept4", libc::EMFILE, Nothing),
        libc::SYS_flock => ("flock", libc::ENOLCK, Fd),
        libc::SYS_pipe2 if takers => ("pipe2", libc::EMFILE, Nothing),
        libc::SYS_pidfd_open if takers => ("pidfd_open", libc::EMFILE, Nothing),
        libc::SYS_eventfd2 if takers => ("eventfd2", libc::EMFILE, Nothing),
        libc::SYS_timerfd_create if takers => ("timerfd_create", libc::EMFILE, Nothing),
        libc::SYS_epoll_ctl if takers => ("epoll_ctl", libc::ENOMEM, Nothing),
        libc::SYS_socketpair if takers => ("socketpair", libc::EMFILE, Nothing),
        _ => return None,
    }))
}

#[cfg(target_arch = "x86_64")]
mod registers {
    use nix::sys::ptrace::{getregs, setregs};
    use nix::unistd::Pid;

    /// The call that begins is not carried out.
    pub(super) fn take_away(pid: Pid) {
        if let Ok(mut all) = getregs(pid) {
            all.orig_rax = u64::MAX;
            let _ = setregs(pid, all);
        }
    }

    /// What the call that ends returns.
    pub(super) fn set_result(pid: Pid, value: i64) {
        if let Ok(mut all) = getregs(pid) {
            all.rax = value.cast_unsigned();
            let _ = setregs(pid, all);
        }
    }
}

#[cfg(target_arch = "aarch64")]
mod registers {
    use nix::sys::ptrace::{getregset, regset::NT_PRSTATUS, setregset};
    use nix::unistd::Pid;

    /// The call that begins is not carried out: its number has a register set of its own (NT_ARM_SYSTEM_CALL).
    pub(super) fn take_away(pid: Pid) {
        let mut number: i32 = -1;
        let mut part = libc::iovec { iov_base: (&raw mut number).cast(), iov_len: size_of::<i32>() };
        // SAFETY: `part` names the four valid bytes that the kernel reads.
        let _ = unsafe { libc::ptrace(libc::PTRACE_SETREGSET, pid.as_raw(), 0x404, &raw mut part) };
    }

    /// What the call that ends returns.
    pub(super) fn set_result(pid: Pid, value: i64) {
        if let Ok(mut all) = getregset::<NT_PRSTATUS>(pid) {
            all.regs[0] = value.cast_unsigned();
            let _ = setregset::<NT_PRSTATUS>(pid, all);
        }
    }
}
