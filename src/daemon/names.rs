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

/// A user for people: `ann (uid 1000)`, or the number alone where it has no name.
pub(super) fn describe(uid: u32) -> String {
    users::name_of(uid).map_or_else(|| format!("uid {uid}"), |name| format!("{name} (uid {uid})"))
}
