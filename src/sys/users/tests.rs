//! Accounts out of made-up databases, and this process's own.

use super::*;

/// A directory that stands for `/etc`.
fn etc(passwd: &str, group: &str) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("passwd"), passwd).unwrap();
    std::fs::write(dir.path().join("group"), group).unwrap();
    dir
}

const PASSWD: &str = "root:x:0:0:root:/root:/bin/bash\nbroken\n:x:5:5::/:\nweb:x:1001:1002:Web,,:/srv/web:/bin/sh\n\
                      mail:x:8:8::/var/mail\nbare:x:9:9:::\n";
const GROUP: &str = "root:x:0:\nweb:x:1002:\nlogs:x:50:mail,web\nstaff:x:40: web\nother:x:60:webb\n";

#[test]
fn a_user_is_found_by_name_and_by_number() {
    let etc = etc(PASSWD, GROUP);
    let web = user_in(etc.path(), "web").unwrap().unwrap();
    assert_eq!((web.uid, web.gid, web.home.as_path()), (1001, 1002, Path::new("/srv/web")));
    assert_eq!(user_in(etc.path(), "1001").unwrap().unwrap(), web);
    assert_eq!(user_in(etc.path(), "mail").unwrap().unwrap().shell, Path::new(""));
    assert_eq!(user_in(etc.path(), "bare").unwrap().unwrap().home, Path::new("/"));
    assert_eq!(user_in(etc.path(), "we").unwrap(), None);
    assert_eq!(user_in(etc.path(), "5").unwrap(), None, "a line without a name is none");
}

#[test]
fn an_identity_has_the_primary_and_all_supplementary_groups_once() {
    let etc = etc(PASSWD, GROUP);
    let (_, id) = resolve_in(etc.path(), Some("web"), None).unwrap();
    assert_eq!(id, Identity { uid: 1001, gid: 1002, groups: vec![40, 50, 1002] });
    let (_, id) = resolve_in(etc.path(), Some("web"), Some("logs")).unwrap();
    assert_eq!(id, Identity { uid: 1001, gid: 50, groups: vec![40, 50] });
}

#[test]
fn a_number_without_an_account_needs_a_group_and_has_the_root_as_home() {
    let etc = etc(PASSWD, GROUP);
    let error = resolve_in(etc.path(), Some("4000"), None).unwrap_err();
    assert!(error.to_string().contains("say `group` as well"), "{error}");
    let (user, id) = resolve_in(etc.path(), Some("4000"), Some("4001")).unwrap();
    assert_eq!((user.name.as_str(), user.home.as_path()), ("4000", Path::new("/")));
    assert_eq!(id, Identity { uid: 4000, gid: 4001, groups: vec![4001] });
}

#[test]
fn what_is_unknown_is_named() {
    let etc = etc(PASSWD, GROUP);
    let error = resolve_in(etc.path(), Some("nobody-here"), None).unwrap_err();
    assert_eq!(error.to_string(), "there is no user `nobody-here`");
    let error = resolve_in(etc.path(), Some("web"), Some("wheel")).unwrap_err();
    assert_eq!(error.to_string(), "there is no group `wheel`");
}

#[test]
fn no_databases_at_all_still_leave_this_process_itself() {
    let empty = tempfile::tempdir().unwrap();
    let (user, id) = resolve_in(empty.path(), None, None).unwrap();
    assert_eq!((user.uid, id.gid), (nix::unistd::geteuid().as_raw(), nix::unistd::getegid().as_raw()));
}

#[test]
fn this_process_can_become_itself() {
    let (_, id) = can_become(None, None).unwrap();
    assert_eq!(id.uid, nix::unistd::geteuid().as_raw());
    if nix::unistd::geteuid().is_root() {
        assert_eq!(name_of(0).as_deref(), Some("root"));
    }
}
