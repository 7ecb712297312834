//! What ebb promises, one file a guarantee, held with the real binaries and real processes.
//! Waits are on conditions with deadlines; what can't run here says `SKIPPED name: reason`.

#![allow(clippy::unwrap_used, clippy::print_stderr, unreachable_pub)] // In a test a panic is the verdict.

mod harness;
mod helpers;

mod access;
mod activation;
mod alone;
mod audit;
mod audit_imports;
mod audit_python;
mod audit_silent;
mod audit_write;
mod calls;
mod client;
mod clients;
mod completions;
mod container;
mod curve;
mod demands;
mod diet;
mod directory;
mod disk;
mod ending;
mod environment;
mod filtered;
mod fuzz;
mod journal;
mod journal_output;
mod leaving;
mod limits;
mod measure;
mod measure_imports;
mod memory;
mod notify;
mod oom;
mod output;
mod overlap;
mod pages;
mod pid1;
mod reload;
mod report;
mod report_page;
mod resources;
mod rest;
mod restart;
mod retry;
mod schedule;
mod settings;
mod shipped;
mod tree;
mod upgrade;
mod varlink;
