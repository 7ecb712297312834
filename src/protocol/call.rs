//! From a frame to a request and from a reply to a frame. Parsing is strict in what matters (types, bounds) and
//! lenient in what Varlink leaves open (unknown parameters are ignored, as its specification asks).

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::journal::record::RunId;
use crate::limits;

use super::error::Refusal;
use super::interface::{INTERFACE, SERVICE_INTERFACE};
use super::shapes::RunNow;

/// A call as it stands on the wire.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Call {
    /// Interface and method, `io.ebb.Control.RunNow`.
    pub method: String,
    /// Its parameters.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub parameters: Value,
    /// The caller takes several replies.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub more: bool,
    /// The caller wants no reply.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub oneway: bool,
}

/// A reply as it stands on the wire.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Reply<T> {
    /// What is answered.
    pub parameters: T,
    /// Another reply to the same call follows.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub continues: bool,
}

/// A call that was read.
#[derive(Debug, Clone, PartialEq)]
pub struct Parsed {
    /// What is asked for, or why it makes no sense.
    pub request: Result<Request, Refusal>,
    /// The caller takes several replies.
    pub more: bool,
    /// The caller wants no reply.
    pub oneway: bool,
}

/// Everything that can be asked for. One variant a method, named alike.
#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs)] // The interface description documents each method and its parameters.
pub enum Request {
    RunNow(RunNow),
    Input { data: String },
    Wait { run: RunId },
    Stop { job: Option<String>, run: Option<RunId> },
    Pause { job: String },
    Resume { job: String },
    Status { job: Option<String> },
    Next { job: String },
    History(HistoryQuery),
    Logs { job: String, run: Option<RunId> },
    Reload,
    Upgrade,
    Doctor,
    Budget,
    GetInfo,
    GetInterfaceDescription { interface: String },
}

/// What of the history is wanted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HistoryQuery {
    /// Of one job alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job: Option<String>,
    /// What ended at or after this instant, milliseconds since 1970 UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since_ms: Option<i64>,
    /// Of this outcome alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<crate::words::Outcome>,
    /// So many, the newest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u64>,
}

impl Parsed {
    /// Reads a frame.
    ///
    /// # Errors
    /// [`Refusal::BadFrame`] where it is no call at all.
    pub fn from_frame(frame: &[u8]) -> Result<Self, Refusal> {
        let call: Call = serde_json::from_slice(frame)
            .map_err(|e| Refusal::BadFrame(format!("this is not a Varlink call in JSON: {e}")))?;
        let (more, oneway) = (call.more, call.oneway);
        Ok(Self { request: Request::from_call(call), more, oneway })
    }
}

impl Request {
    fn from_call(call: Call) -> Result<Self, Refusal> {
        let Some((interface, method)) = call.method.rsplit_once('.') else {
            return Err(Refusal::MethodNotFound(call.method));
        };
        match interface {
            INTERFACE => Self::control(method, call.parameters)
                .unwrap_or_else(|| Err(Refusal::MethodNotFound(call.method.clone()))),
            SERVICE_INTERFACE => match method {
                "GetInfo" => Ok(Self::GetInfo),
                "GetInterfaceDescription" => {
                    let OfInterface { interface } = read(call.parameters)?;
                    Ok(Self::GetInterfaceDescription { interface })
                }
                _ => Err(Refusal::MethodNotFound(call.method)),
            },
            _ => Err(Refusal::InterfaceNotFound(interface.to_owned())),
        }
    }

    fn control(method: &str, parameters: Value) -> Option<Result<Self, Refusal>> {
        Some(match method {
            "RunNow" => read(parameters).and_then(bounded).map(Self::RunNow),
            "Input" => read(parameters).map(|InputData { data }| Self::Input { data }),
            "Wait" => read(parameters).map(|OfRun { run }| Self::Wait { run }),
            "Stop" => read(parameters).and_then(|JobOrRun { job, run }| match (&job, run) {
                (Some(_), None) | (None, Some(_)) => Ok(Self::Stop { job, run }),
                (None, None) | (Some(_), Some(_)) => {
                    Err(Refusal::InvalidParameter("name either a job or a run".to_owned()))
                }
            }),
            "Pause" => read(parameters).map(|OfJob { job }| Self::Pause { job }),
            "Resume" => read(parameters).map(|OfJob { job }| Self::Resume { job }),
            "Status" => read(parameters).map(|JobOrRun { job, .. }| Self::Status { job }),
            "Next" => read(parameters).map(|OfJob { job }| Self::Next { job }),
            "History" => read(parameters).map(Self::History),
            "Logs" => read(parameters).and_then(|JobOrRun { job, run }| match job {
                Some(job) => Ok(Self::Logs { job, run }),
                None => Err(Refusal::InvalidParameter("`job` is missing".to_owned())),
            }),
            "Reload" => Ok(Self::Reload),
            "Upgrade" => Ok(Self::Upgrade),
            "Doctor" => Ok(Self::Doctor),
            "Budget" => Ok(Self::Budget),
            _ => return None,
        })
    }
}

#[derive(Deserialize)]
struct OfJob {
    job: String,
}

#[derive(Deserialize)]
struct OfRun {
    run: RunId,
}

#[derive(Deserialize)]
struct JobOrRun {
    #[serde(default)]
    job: Option<String>,
    #[serde(default)]
    run: Option<RunId>,
}

#[derive(Deserialize)]
struct InputData {
    data: String,
}

#[derive(Deserialize)]
struct OfInterface {
    interface: String,
}

fn read<T: DeserializeOwned>(parameters: Value) -> Result<T, Refusal> {
    let parameters = if parameters.is_null() { Value::Object(serde_json::Map::new()) } else { parameters };
    serde_json::from_value(parameters).map_err(|e| Refusal::InvalidParameter(e.to_string()))
}

fn bounded(run: RunNow) -> Result<RunNow, Refusal> {
    if run.args.len() > limits::ARGS_MAX {
        return Err(Refusal::InvalidParameter(format!(
            "`args` holds at most {} arguments",
            limits::ARGS_MAX
        )));
    }
    if run.environment.len() > limits::ENV_MAX {
        return Err(Refusal::InvalidParameter(format!(
            "`environment` holds at most {} names",
            limits::ENV_MAX
        )));
    }
    let has_nul = |text: &String| text.contains('\0');
    if run.args.iter().any(has_nul) || run.environment.iter().any(|(k, v)| has_nul(k) || has_nul(v)) {
        return Err(Refusal::InvalidParameter("a NUL byte can't be handed to a process".to_owned()));
    }
    Ok(run)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(frame: &str) -> Result<Request, Refusal> {
        Parsed::from_frame(frame.as_bytes()).and_then(|parsed| parsed.request)
    }

    #[test]
    fn a_call_without_parameters_and_one_with_unknown_ones_are_read() {
        assert_eq!(parse(r#"{"method":"io.ebb.Control.Reload"}"#), Ok(Request::Reload));
        let status = parse(r#"{"method":"io.ebb.Control.Status","parameters":{"job":"a","colour":"red"}}"#);
        assert_eq!(status, Ok(Request::Status { job: Some("a".into()) }));
    }

    #[test]
    fn what_makes_no_sense_is_refused_by_the_right_name() {
        let table = [
            ("nonsense", "io.ebb.Control.BadFrame"),
            ("", "io.ebb.Control.BadFrame"),
            ("[]", "io.ebb.Control.BadFrame"),
            (r#"{"method":"Reload"}"#, "org.varlink.service.MethodNotFound"),
            (r#"{"method":"io.ebb.Control.Dance"}"#, "org.varlink.service.MethodNotFound"),
            (r#"{"method":"com.example.X.Y"}"#, "org.varlink.service.InterfaceNotFound"),
            (r#"{"method":"io.ebb.Control.RunNow"}"#, "org.varlink.service.InvalidParameter"),
            (
                r#"{"method":"io.ebb.Control.RunNow","parameters":{"job":1}}"#,
                "org.varlink.service.InvalidParameter",
            ),
            (r#"{"method":"io.ebb.Control.Stop","parameters":{}}"#, "org.varlink.service.InvalidParameter"),
            (
                r#"{"method":"io.ebb.Control.RunNow","parameters":{"job":"a","args":["\u0000"]}}"#,
                "org.varlink.service.InvalidParameter",
            ),
        ];
        for (frame, name) in table {
            assert_eq!(parse(frame).map_err(|r| r.name()), Err(name), "{frame}");
        }
    }
}
