//! The only place of system calls, `/proc`, `/sys` and unsafe code. Decides nothing.
