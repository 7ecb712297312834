//! ebb: jobs come in, do their work, and their memory goes back out.
//!
//! The map of the crate. Arrows of import only go down this list; `cli` and `daemon` never see each other,
//! `engine` and `sys` never see each other, and what is marked PURE reads no clock and touches no file.
//!
//! | module | what it is for |
//! |---|---|
//! | [`cli`] | the client `ebb`: one file a verb |
//! | [`daemon`] | the shell of `ebbd`: inputs become events, effects become system calls |
//! | [`carrier`] | the process that carries a run's output to the systemd journal, beside ebbd |
//! | [`protocol`] | what is said on the socket: requests, replies, framing. PURE |
//! | [`engine`] | what to do: `handle(now, event) -> effects`, `next_wake()`. PURE |
//! | [`journal`] | what happened: append-only records on disk, replay, history |
//! | [`learn`] | what the runs of a job teach about its memory and its time. PURE |
//! | [`measure`] | what single runs of any command cost, against each other and against a baseline. PURE |
//! | [`settings`] | what ebbd.toml means: TOML text -> checked settings -> a budget of bytes |
//! | [`job`] | what a job is: TOML text -> checked definition, all problems at once |
//! | [`problem`] | what is wrong with a TOML file, where, and what to write instead: for job files and settings alike |
//! | [`schedule`] | when: crontab grammar, zones and DST. PURE |
//! | [`sys`] | the only place of system calls, `/proc`, `/sys` and unsafe code |
//! | [`words`], [`clock`], [`limits`], [`exit`] | the vocabulary, the two clocks, every bound, every exit code |
//! | [`host`], [`places`], [`hash`] | the machine's answers to the check of a job file, default places, a stable hash |

pub mod carrier;
pub mod cli;
pub mod clock;
pub mod daemon;
pub mod engine;
pub mod exit;
pub mod hash;
pub mod host;
pub mod job;
pub mod journal;
pub mod learn;
pub mod limits;
pub mod measure;
pub mod places;
pub mod problem;
pub mod protocol;
pub mod schedule;
pub mod settings;
pub mod sys;
pub mod words;
