//! Who may do what. Pure: the caller's ids are the kernel's word (SO_PEERCRED), names are looked up by the shell.

use crate::job::Allow;

/// Who is calling, as the kernel says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// User id.
    pub uid: u32,
    /// Primary and supplementary group ids.
    pub groups: Vec<u32>,
}

/// What a caller may do with one job, weakest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Right {
    /// Nothing at all, not even learn that it exists.
    Nothing,
    /// See its status, history and output.
    View,
    /// Also run it and stop its runs.
    Run,
    /// Also pause it, and everything else.
    Control,
}

/// Who may do everything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gate {
    /// ebbd's own user.
    pub own_uid: u32,
    /// The control group, where there is one.
    pub control_gid: Option<u32>,
}

/// Looks names up, in the user and group databases.
pub trait Names {
    /// The id of a user name or number.
    fn uid(&self, name: &str) -> Option<u32>;
    /// The id of a group name or number.
    fn gid(&self, name: &str) -> Option<u32>;
}

impl Gate {
    /// Whether the caller may do everything.
    #[must_use]
    pub fn has_control(&self, caller: &Caller) -> bool {
        caller.uid == 0
            || caller.uid == self.own_uid
            || self.control_gid.is_some_and(|gid| caller.groups.contains(&gid))
    }

    /// What the caller may do with a job that has this `[allow]`.
    #[must_use]
    pub fn right(&self, caller: &Caller, allow: &Allow, names: &dyn Names) -> Right {
        if self.has_control(caller) {
            Right::Control
        } else if is_listed(caller, &allow.run, names) {
            Right::Run
        } else if is_listed(caller, &allow.view, names) {
            Right::View
        } else {
            Right::Nothing
        }
    }
}

fn is_listed(caller: &Caller, list: &[String], names: &dyn Names) -> bool {
    list.iter().any(|entry| match entry.strip_prefix('@') {
        Some(group) => names.gid(group).is_some_and(|gid| caller.groups.contains(&gid)),
        None => names.uid(entry) == Some(caller.uid),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Book;

    impl Names for Book {
        fn uid(&self, name: &str) -> Option<u32> {
            [("web", 33), ("ann", 1000)].into_iter().find(|(n, _)| *n == name).map(|(_, id)| id)
        }
        fn gid(&self, name: &str) -> Option<u32> {
            [("staff", 50)].into_iter().find(|(n, _)| *n == name).map(|(_, id)| id)
        }
    }

    #[test]
    fn each_caller_has_just_the_right_that_is_written_down() {
        let gate = Gate { own_uid: 900, control_gid: Some(70) };
        let allow = Allow { run: vec!["web".into()], view: vec!["@staff".into(), "ghost".into()] };
        let caller = |uid, groups: &[u32]| Caller { uid, groups: groups.to_vec() };
        let table = [
            (caller(0, &[0]), Right::Control),
            (caller(900, &[900]), Right::Control),
            (caller(1000, &[1000, 70]), Right::Control),
            (caller(33, &[33]), Right::Run),
            (caller(1000, &[1000, 50]), Right::View),
            (caller(1000, &[1000]), Right::Nothing),
            (caller(65534, &[65534]), Right::Nothing),
        ];
        for (caller, right) in table {
            assert_eq!(gate.right(&caller, &allow, &Book), right, "{caller:?}");
        }
    }

    #[test]
    fn without_a_control_group_nobody_is_in_it() {
        let gate = Gate { own_uid: 900, control_gid: None };
        assert!(!gate.has_control(&Caller { uid: 1000, groups: vec![0, 1000] }));
    }
}
