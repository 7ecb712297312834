//! Each verb's conversation with an ebbd that answers as the test says, and what it prints.

mod broken;
mod check;
mod doctor;
mod forecast;
mod history;
mod logs;
mod next;
mod others;
mod report;
mod run_now;
mod status;
mod usage;
