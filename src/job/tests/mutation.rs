//! Whatever is in a file, the check comes back, and what it says is about that file.

use super::defaults::FULL;
use super::{bad, check, print, with_command};
use crate::job::Problem;
use crate::limits::PROBLEMS_MAX;

/// Whether each problem is at a place of the text and its caret inside what is shown.
fn assert_inside(text: &str, problems: &[Problem]) {
    for problem in problems {
        let Some(place) = &problem.place else { continue };
        let line = text.split('\n').nth(place.line as usize - 1);
        let line = line.unwrap_or_else(|| panic!("line {} of\n{text}", place.line)).trim_end_matches('\r');
        assert!(place.col >= 1 && place.col as usize <= line.chars().count() + 1, "{problem}\n{text}");
        assert!(!place.caret.is_empty() && !place.source_line.contains('\n'), "{problem}");
        assert!(!problem.message.is_empty() && !problem.message.contains('\n'), "{problem}");
        assert!(
            problem.help.as_ref().is_none_or(|help| !help.is_empty() && !help.contains('\n')),
            "{problem}"
        );
    }
}

fn mutated(random: &mut fastrand::Rng) -> String {
    let mut bytes = FULL.as_bytes().to_vec();
    for _ in 0..random.usize(1..6) {
        if bytes.is_empty() {
            break;
        }
        let at = random.usize(0..bytes.len());
        match random.u8(0..6) {
            0 => bytes[at] = random.u8(..),
            1 => bytes[at] = *random.choice(b"\"'[]{}=.,\\\n#-0_ \0").unwrap(),
            2 => {
                bytes.remove(at);
            }
            3 => bytes.insert(at, *random.choice(b"\"'[]{}=.,\\\n#").unwrap()),
            4 => bytes.truncate(at.max(1)),
            _ => {
                let end = random.usize(at..bytes.len().min(at + 80));
                let piece = bytes[at..end].to_vec();
                let to = random.usize(0..bytes.len());
                bytes.splice(to..to, piece);
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[test]
fn no_mutation_of_a_good_file_makes_the_check_panic_or_point_outside() {
    let mut random = fastrand::Rng::with_seed(2);
    for _ in 0..3_000 {
        let text = mutated(&mut random);
        let (Ok((_, problems)) | Err(problems)) = check(&text);
        assert_inside(&text, &problems);
        assert!(!print(&problems).contains('\0'));
        let places: Vec<_> =
            problems.iter().filter_map(|p| p.place.as_ref()).map(|p| (p.line, p.col)).collect();
        assert!(places.is_sorted(), "{}", print(&problems));
    }
}

#[test]
fn the_number_of_problems_of_one_file_is_bounded() {
    let text = with_command(&(0..PROBLEMS_MAX + 7).map(|n| format!("zz{n} = 1\n")).collect::<String>());
    let problems = bad(&text);
    assert_eq!(problems.len(), PROBLEMS_MAX + 1);
    assert_eq!(problems[PROBLEMS_MAX].to_string(), "jobs.d/indexer.toml: 7 more problems are not shown");
}
