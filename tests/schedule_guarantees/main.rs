//! What the schedule promises: its grammar, its refusals, the changes of the clock, and its agreement with `croner` and
//! with a naive oracle over every change of every bundled zone.
//!
//! `EBB_SCHEDULE_SEED=N` repeats a run, `EBB_SCHEDULE_ROUNDS=N` asks for N times as many random expressions.

#[cfg(test)]
mod against_croner;
#[cfg(test)]
mod against_oracle;
#[cfg(test)]
mod croner_jiff;
#[cfg(test)]
mod differences;
#[cfg(test)]
mod grammar;
#[cfg(test)]
mod random;
#[cfg(test)]
mod refusals;
#[cfg(test)]
mod support;
#[cfg(test)]
mod zones;
