//! What is said on the socket: Varlink, as interface `io.ebb.Control`. Pure; shared by both binaries.
//!
//! Varlink (varlink.org) is JSON objects, each ended by a NUL byte, over a unix stream socket. A call may ask for
//! `more`: then replies come until one without `continues`.

mod call;
mod error;
mod frame;
mod interface;
mod shapes;

pub use call::{Call, HistoryQuery, Parsed, Reply, Request};
pub use error::{Error, Refusal};
pub use frame::{FrameError, Frames, encode};
pub use interface::{DESCRIPTION, INTERFACE, SERVICE_DESCRIPTION, SERVICE_INTERFACE};
pub use shapes::{
    BudgetReply, DoctorReport, InputStaged, JobStatus, LastRun, LearnedStatus, LogFile, MemoryStatus,
    NextReply, ReloadReport, RunNow, RunNowReply, RunStatus, ServiceInfo, Share, StatusReply, StopReply,
    UpgradeReport, Waits,
};
