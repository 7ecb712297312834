//! The machine's answers to the check of a job file, for both binaries. Decides nothing: whom to trust is said in the
//! docs of [`crate::job::Machine`], who is who comes from `sys`.

use crate::job::{CannotBecome, Machine};
use crate::sys::{journald, users, zoneinfo};

/// This machine, as the user that this process runs as.
pub struct SystemHost;

impl Machine for SystemHost {
    fn can_become(&self, user: Option<&str>, group: Option<&str>) -> Result<(), CannotBecome> {
        let Err(error) = users::can_become(user, group) else { return Ok(()) };
        // Without its group the user alone may do: then the group is the reason.
        if group.is_some() && (user.is_none() || users::can_become(user, None).is_ok()) {
            Err(CannotBecome::Group(error.to_string()))
        } else {
            Err(CannotBecome::User(error.to_string()))
        }
    }

    fn zone_exists(&self, name: &str) -> bool {
        zoneinfo::exists(name)
    }

    fn each_zone(&self, visit: &mut dyn FnMut(&str)) {
        zoneinfo::each_name(visit);
    }

    fn trusts_user(&self, uid: u32) -> bool {
        uid == 0 || uid == nix::unistd::geteuid().as_raw()
    }

    fn trusts_group(&self, gid: u32) -> bool {
        gid == 0 || gid == nix::unistd::getegid().as_raw()
    }

    fn has_journal(&self) -> Result<(), String> {
        journald::reach(&journald::socket_path()).map_err(|error| error.to_string())
    }
}

/// This machine, as root's ebbd would see it: for who looks at its job files without being root.
pub struct RootHost;

impl Machine for RootHost {
    fn can_become(&self, user: Option<&str>, group: Option<&str>) -> Result<(), CannotBecome> {
        let Err(error) = users::resolve(user, group) else { return Ok(()) };
        if group.is_some() && (user.is_none() || users::resolve(user, None).is_ok()) {
            Err(CannotBecome::Group(error.to_string()))
        } else {
            Err(CannotBecome::User(error.to_string()))
        }
    }

    fn zone_exists(&self, name: &str) -> bool {
        SystemHost.zone_exists(name)
    }

    fn each_zone(&self, visit: &mut dyn FnMut(&str)) {
        SystemHost.each_zone(visit);
    }

    fn trusts_user(&self, uid: u32) -> bool {
        uid == 0
    }

    fn trusts_group(&self, gid: u32) -> bool {
        gid == 0
    }

    fn has_journal(&self) -> Result<(), String> {
        SystemHost.has_journal()
    }
}
