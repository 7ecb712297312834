//! Every error that a caller can get, with its Varlink name, its sentence and its exit code. One table, both sides.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// An error reply, as it goes over the wire.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Error {
    /// Fully qualified name.
    pub error: String,
    /// What it is about; every error of `io.ebb.Control` has `message`, a sentence for people.
    #[serde(default)]
    pub parameters: Value,
}

/// Why a call was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// Nothing of that name is defined, or the caller may not see it.
    NoSuchJob(String),
    /// No run of that number is known, or the caller may not see it.
    NoSuchRun(u64),
    /// The caller may not do this.
    NotAllowed(String),
    /// The job's `[accept]` does not take what the demand brings along.
    NotAccepted(String),
    /// `queue-limit` runs wait already.
    QueueFull(String),
    /// A run of the job claims more memory than there can ever be.
    NeverFits(String),
    /// ebbd has no room for another client or request.
    Busy(String),
    /// ebbd is about to end.
    ShuttingDown,
    /// The binary on disk can't take over; ebbd goes on as it is.
    NotUpgraded(String),
    /// The operating system refused something, such as a write to the journal.
    System(String),
    /// The call makes no sense as it stands.
    InvalidParameter(String),
    /// The method is not known.
    MethodNotFound(String),
    /// The interface is not known.
    InterfaceNotFound(String),
    /// The method streams; call it with `more`.
    ExpectedMore,
    /// The frame is no Varlink call; the connection ends after this.
    BadFrame(String),
}

impl Refusal {
    /// The name on the wire.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::NoSuchJob(_) => "io.ebb.Control.NoSuchJob",
            Self::NoSuchRun(_) => "io.ebb.Control.NoSuchRun",
            Self::NotAllowed(_) => "io.ebb.Control.NotAllowed",
            Self::NotAccepted(_) => "io.ebb.Control.NotAccepted",
            Self::QueueFull(_) => "io.ebb.Control.QueueFull",
            Self::NeverFits(_) => "io.ebb.Control.NeverFits",
            Self::Busy(_) => "io.ebb.Control.Busy",
            Self::ShuttingDown => "io.ebb.Control.ShuttingDown",
            Self::NotUpgraded(_) => "io.ebb.Control.NotUpgraded",
            Self::System(_) => "io.ebb.Control.System",
            Self::BadFrame(_) => "io.ebb.Control.BadFrame",
            Self::InvalidParameter(_) => "org.varlink.service.InvalidParameter",
            Self::MethodNotFound(_) => "org.varlink.service.MethodNotFound",
            Self::InterfaceNotFound(_) => "org.varlink.service.InterfaceNotFound",
            Self::ExpectedMore => "io.ebb.Control.ExpectedMore",
        }
    }

    /// The error as it goes over the wire.
    #[must_use]
    pub fn to_error(&self) -> Error {
        let parameters = match self {
            Self::InvalidParameter(what) => json!({ "parameter": what }),
            Self::MethodNotFound(method) => json!({ "method": method }),
            Self::InterfaceNotFound(interface) => json!({ "interface": interface }),
            Self::NoSuchJob(_)
            | Self::NoSuchRun(_)
            | Self::NotAllowed(_)
            | Self::NotAccepted(_)
            | Self::QueueFull(_)
            | Self::NeverFits(_)
            | Self::Busy(_)
            | Self::ShuttingDown
            | Self::NotUpgraded(_)
            | Self::System(_)
            | Self::BadFrame(_)
            | Self::ExpectedMore => json!({ "message": self.to_string() }),
        };
        Error { error: self.name().to_owned(), parameters }
    }
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NoSuchJob(job) => {
                write!(f, "no job is named `{job}`; `ebb status` lists those that you may see")
            }
            Self::NoSuchRun(run) => {
                write!(f, "no run {run} is under way or waiting; `ebb history` lists those that ended")
            }
            Self::NotAllowed(what)
            | Self::NotAccepted(what)
            | Self::QueueFull(what)
            | Self::NeverFits(what)
            | Self::Busy(what)
            | Self::NotUpgraded(what)
            | Self::System(what)
            | Self::InvalidParameter(what)
            | Self::BadFrame(what) => f.write_str(what),
            Self::ShuttingDown => {
                f.write_str("ebbd is about to end and takes nothing new; try again when it is back")
            }
            Self::MethodNotFound(method) => write!(f, "no method is named {method}"),
            Self::InterfaceNotFound(interface) => write!(f, "no interface is named {interface}"),
            Self::ExpectedMore => f.write_str("this method sends several replies; call it with `more`"),
        }
    }
}

impl Error {
    /// The sentence for people.
    #[must_use]
    pub fn message(&self) -> String {
        match self.parameters.as_object().and_then(|p| p.values().find_map(Value::as_str)) {
            Some(message) => message.to_owned(),
            None => self.error.clone(),
        }
    }

    /// The exit code that tells a script what happened, after sysexits(3).
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self.error.as_str() {
            "io.ebb.Control.NotAllowed" => 77,
            "io.ebb.Control.QueueFull" | "io.ebb.Control.Busy" | "io.ebb.Control.ShuttingDown" => 75,
            "io.ebb.Control.NeverFits" => 78,
            "io.ebb.Control.System" | "io.ebb.Control.NotUpgraded" => 71,
            _ => 2,
        }
    }
}

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message())
    }
}

impl std::error::Error for Error {}
