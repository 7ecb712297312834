//! There is one ebbd a state directory and one a socket; another is refused with a sentence and harms nothing.

use nix::sys::signal::Signal;

use crate::harness::Ebbd;

#[test]
fn a_second_ebbd_on_the_same_state_is_refused_with_a_sentence_and_harms_nothing() {
    let ebbd = Ebbd::start(&[("job", "command = [\"true\"]\n")]);
    let mut second = Ebbd::prepare(&[]).flag("--state").flag(ebbd.path("state").to_str().unwrap());
    second.spawn();
    assert_eq!(second.wait_end(), Some(75));
    let log = second.log();
    assert!(log.contains(&ebbd.pid().to_string()) && log.contains("state"), "it names who has it: {log}");
    assert!(!second.socket().exists());
    assert_eq!(ebbd.run("job")["outcome"], "success");
}

#[test]
fn a_second_ebbd_on_the_same_socket_is_refused_and_leaves_nothing_behind() {
    let ebbd = Ebbd::start(&[("job", "command = [\"true\"]\n[memory]\nmax = \"64M\"\n")]);
    let mut second = Ebbd::start(&[("job", "command = [\"true\"]\n[memory]\nmax = \"64M\"\n")]);
    second.run("job");
    let leaves = second.journal().into_iter().find(|r| r["event"] == "started").unwrap()["cgroups"].clone();
    second.signal(Signal::SIGTERM);
    second.wait_end();
    let mut second = second.flag("--socket").flag(ebbd.socket().to_str().unwrap());
    second.spawn();
    assert_eq!(second.wait_end(), Some(71));
    assert!(second.log().contains("another ebbd listens on"), "{}", second.log());
    // Where there are no control groups the list is not there.
    for leaf in leaves.as_array().into_iter().flatten() {
        let base = std::path::Path::new(leaf.as_str().unwrap()).parent().unwrap();
        assert!(!base.exists(), "{} is left", base.display());
    }
    assert_eq!(ebbd.run("job")["outcome"], "success", "the first one is served on its socket");
}

#[test]
fn a_socket_of_a_dead_ebbd_makes_room_and_anything_else_in_its_place_does_not() {
    let mut ebbd = Ebbd::start(&[("job", "command = [\"true\"]\n")]);
    ebbd.crash();
    assert!(ebbd.socket().exists());
    ebbd.restart();
    assert_eq!(ebbd.run("job")["outcome"], "success");
    ebbd.signal(Signal::SIGTERM);
    ebbd.wait_end();
    std::fs::write(ebbd.socket(), "precious").unwrap();
    ebbd.spawn();
    assert_eq!(ebbd.wait_end(), Some(71));
    assert!(ebbd.log().contains("is no socket"), "{}", ebbd.log());
    assert_eq!(std::fs::read_to_string(ebbd.socket()).unwrap(), "precious");
    std::fs::remove_file(ebbd.socket()).unwrap();
}
