//! What ebb promises, one file a guarantee, held with the real binaries and real processes.
//! Waits are on conditions with deadlines; what can't run here says `SKIPPED name: reason`.

mod harness;
mod helpers;

mod access;
mod clients;
mod demands;
mod environment;
mod fuzz;
mod journal;
mod limits;
mod output;
mod overlap;
mod reload;
mod rest;
mod restart;
mod schedule;
mod tree;
mod varlink;
