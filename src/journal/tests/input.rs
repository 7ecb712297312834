//! Payloads for standard input: kept with their run, gone without it.

use std::io::{ErrorKind, Read};

use super::Path;
use crate::journal::Inputs;
use crate::limits::{CLIENTS_MAX, INPUT_MAX};

fn files(state: &Path) -> Vec<String> {
    let mut names: Vec<_> = std::fs::read_dir(state.join("input"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn an_input_is_read_back_as_it_was_given_and_removed_once() {
    let state = tempfile::tempdir().unwrap();
    let inputs = Inputs::new(state.path());
    let mut staged = inputs.stage().unwrap();
    staged.write(b"one ").unwrap();
    staged.write(b"two").unwrap();
    let input = staged.keep(7).unwrap();
    let mut text = String::new();
    inputs.open(7, input).unwrap().read_to_string(&mut text).unwrap();
    assert_eq!((text.as_str(), input.bytes), ("one two", 7));
    inputs.remove(7).unwrap();
    inputs.remove(7).unwrap();
    assert_eq!(files(state.path()), Vec::<String>::new());
}

#[test]
fn equal_payloads_have_equal_facts_however_they_came_and_others_do_not() {
    let state = tempfile::tempdir().unwrap();
    let inputs = Inputs::new(state.path());
    let input = |pieces: &[&[u8]]| {
        let mut staged = inputs.stage().unwrap();
        pieces.iter().for_each(|piece| staged.write(piece).unwrap());
        staged.input()
    };
    assert_eq!(input(&[b"payload"]), input(&[b"pay", b"", b"load"]));
    assert_ne!(input(&[b"payload"]), input(&[b"payloaf"]));
    assert_ne!(input(&[b"payload"]), input(&[b"payloa"]));
}

#[test]
fn an_input_beyond_the_limit_is_refused_and_nothing_is_left() {
    let state = tempfile::tempdir().unwrap();
    let inputs = Inputs::new(state.path());
    let mut staged = inputs.stage().unwrap();
    staged.write(&vec![0; usize::try_from(INPUT_MAX).unwrap()]).unwrap();
    assert_eq!(staged.write(b"x").unwrap_err().kind(), ErrorKind::FileTooLarge);
    assert_eq!(files(state.path()), ["new-0"]);
    drop(staged);
    assert_eq!(files(state.path()), Vec::<String>::new());
}

#[test]
fn a_sweep_removes_orphans_and_keeps_what_is_pending_and_what_is_not_ours() {
    let state = tempfile::tempdir().unwrap();
    let inputs = Inputs::new(state.path());
    assert_eq!(inputs.sweep(&|_| false).unwrap(), 0, "no directory yet");
    for run in [1, 2, 3] {
        inputs.stage().unwrap().keep(run).unwrap();
    }
    for name in ["new-4", "notes.txt", "x.bin"] {
        std::fs::write(state.path().join("input").join(name), "").unwrap();
    }
    assert_eq!(inputs.sweep(&|run| run == 2).unwrap(), 3);
    assert_eq!(files(state.path()), ["2.bin", "notes.txt", "x.bin"]);
}

#[test]
fn an_input_that_the_disk_has_cut_short_is_not_given_to_a_run() {
    let state = tempfile::tempdir().unwrap();
    let inputs = Inputs::new(state.path());
    let mut staged = inputs.stage().unwrap();
    staged.write(b"payload").unwrap();
    let input = staged.keep(1).unwrap();
    std::fs::write(state.path().join("input/1.bin"), "pay").unwrap();
    assert_eq!(inputs.open(1, input).unwrap_err().kind(), ErrorKind::InvalidData);
}

#[test]
fn inputs_that_arrive_together_do_not_mix_and_their_number_is_bounded() {
    let state = tempfile::tempdir().unwrap();
    let inputs = Inputs::new(state.path());
    let mut all: Vec<_> = (0..=CLIENTS_MAX).map(|_| inputs.stage().unwrap()).collect();
    inputs.stage().unwrap_err();
    for (staged, byte) in all.iter_mut().zip(0..) {
        staged.write(&[byte]).unwrap();
    }
    for (staged, run) in all.into_iter().zip(0..) {
        staged.keep(run).unwrap();
    }
    for run in 0..=CLIENTS_MAX {
        let bytes = std::fs::read(state.path().join(format!("input/{run}.bin"))).unwrap();
        assert_eq!(bytes, [u8::try_from(run).unwrap()]);
    }
}
