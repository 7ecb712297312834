//! The user and group databases, as `[allow]` needs them.

use crate::sys::users;

use super::access::Names;

/// The host's databases.
pub(super) struct Book;

impl Names for Book {
    fn uid(&self, name: &str) -> Option<u32> {
        users::user(name).ok().flatten().map(|user| user.uid).or_else(|| name.parse().ok())
    }

    fn gid(&self, name: &str) -> Option<u32> {
        users::group_id(name).ok().flatten()
    }
}

/// A user for people. By number: a name would be looked up, perhaps in a directory that takes its time.
pub(super) fn describe(uid: u32) -> String {
    format!("uid {uid}")
}
