//! What several guarantees need to look at or to lay out beside the harness itself.

pub(crate) mod audited;
pub(crate) mod gate;
pub(crate) mod libraries;
pub(crate) mod past;
pub(crate) mod proc;
pub(crate) mod pythons;
pub(crate) mod records;
pub(crate) mod slots;
pub(crate) mod stranger;
pub(crate) mod timeout;
pub(crate) mod tmpfs;
