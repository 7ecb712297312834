//! The interface as others read it: `varlinkctl introspect`, the Python package, and people.

/// Name of ebb's interface.
pub const INTERFACE: &str = "io.ebb.Control";
/// Name of the interface that every Varlink service has.
pub const SERVICE_INTERFACE: &str = "org.varlink.service";
/// ebb's interface in Varlink's own language.
pub const DESCRIPTION: &str = include_str!("io.ebb.Control.varlink");
/// The standard interface in Varlink's own language.
pub const SERVICE_DESCRIPTION: &str = include_str!("org.varlink.service.varlink");
