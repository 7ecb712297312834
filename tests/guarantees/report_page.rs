//! The page of `ebb report --html` as a real browser draws it: what is where, how large, in which colours, wide and narrow, light
//! and dark. Headless Chromium looks; where there is none, the test is skipped by name.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use zune_png::zune_core::bytestream::ZCursor;

use crate::harness::{DEADLINE, Ebbd, skip};
use crate::helpers::gate::Gate;
use crate::report::{holds_until, until_held};

/// What the browser is asked of the page at each width: findings as JSON in the page around it.
const LOOK: &str = include_str!("report_page.js");
const NAMES: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "chrome"];
/// A description that is no text of a page if it is not escaped.
const EVIL: &str = "</table><script>document.title='owned'</script><img src=x onerror=alert(1)>";

/// The colours of the three jobs, of what was before, and of what is now.
const LIGHT: [[u8; 3]; 5] =
    [[0x00, 0x72, 0xb2], [0xd5, 0x5e, 0x00], [0x00, 0x9e, 0x73], [0xf3, 0xd9, 0xbf], [0x00, 0x63, 0xa6]];
const DARK: [[u8; 3]; 5] =
    [[0x4b, 0xa3, 0xdb], [0xf0, 0x80, 0x3c], [0x2f, 0xc4, 0x96], [0x4a, 0x31, 0x15], [0x58, 0xb2, 0xf0]];
/// With the longest name that there is, and what each holds in mebibytes.
const JOBS: [(&str, u32); 3] =
    [("large", 80), ("middle", 50), ("small-with-a-name-that-is-as-long-as-a-name-can-be-without-a-gap", 20)];

fn browser() -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let in_dir = |dir: PathBuf| NAMES.iter().map(|name| dir.join(name)).find(|path| path.is_file());
    std::env::split_paths(&path).find_map(in_dir)
}

/// Runs the browser in a directory of its own until it ends; what it prints.
fn browse(browser: &Path, is_dark: bool, flags: &[&str], page: &Path) -> String {
    let home = tempfile::tempdir().unwrap();
    let out = tempfile::tempfile().unwrap();
    let mut command = Command::new(browser);
    command.args([
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--disable-quic",
        "--no-first-run",
    ]);
    command.args([
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--hide-scrollbars",
    ]);
    command.arg("--window-size=1580,2000").args(flags);
    command.arg(format!("--blink-settings=preferredColorScheme={}", if is_dark { 0 } else { 1 }));
    command.arg(format!("--user-data-dir={}", home.path().display()));
    command.arg(format!("file://{}", page.display()));
    command.stdin(Stdio::null()).stdout(out.try_clone().unwrap()).stderr(Stdio::null());
    let mut child = command.env("HOME", home.path()).spawn().unwrap();
    let deadline = Instant::now() + DEADLINE;
    loop {
        match child.try_wait().unwrap() {
            Some(status) => {
                assert!(status.success(), "{} ended with {status}", browser.display());
                break;
            }
            None if Instant::now() > deadline => {
                child.kill().unwrap();
                child.wait().unwrap();
                panic!("{} does not end", browser.display());
            }
            None => std::thread::sleep(Duration::from_millis(20)),
        }
    }
    let mut out = out;
    let mut text = String::new();
    std::io::Seek::rewind(&mut out).unwrap();
    std::io::Read::read_to_string(&mut out, &mut text).unwrap();
    text
}

/// What the browser finds in the page at 360 and at 1200 pixels, and a screenshot of both: its pixels as red, green, blue.
fn look(browser: &Path, page: &str, is_dark: bool, dir: &Path) -> (Value, Vec<[u8; 3]>) {
    let quoted = page.replace('&', "&amp;").replace('"', "&quot;");
    let frame = |width: u32| {
        format!("<iframe width=\"{width}\" height=\"2000\" style=\"border:0\" srcdoc=\"{quoted}\"></iframe>")
    };
    let around = format!(
        "<!doctype html><meta name=\"color-scheme\" content=\"light dark\"><body style=\"margin:0\">{}{}\
         <pre id=\"found\"></pre><script>{LOOK}</script></body>",
        frame(360),
        frame(1200)
    );
    let (path, picture) = (dir.join("around.html"), dir.join("around.png"));
    std::fs::write(&path, around).unwrap();
    let screenshot = format!("--screenshot={}", picture.display());
    let dom = browse(browser, is_dark, &["--dump-dom", "--virtual-time-budget=3000", &screenshot], &path);
    let found = dom.split("<pre id=\"found\">").nth(1).and_then(|rest| rest.split("</pre>").next());
    let found = found.unwrap_or_else(|| panic!("nothing found in {} bytes", dom.len()));
    let found = serde_json::from_str(&found.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&"))
        .unwrap_or_else(|e| panic!("{e}: {found}"));
    let bytes = std::fs::read(&picture).unwrap();
    let mut decoder = zune_png::PngDecoder::new(ZCursor::new(&bytes));
    let pixels = decoder.decode_raw().unwrap();
    let (width, height) = decoder.dimensions().unwrap();
    let channels = pixels.len() / (width * height);
    (found, pixels.chunks_exact(channels).map(|p| [p[0], p[1], p[2]]).collect())
}

fn count(pixels: &[[u8; 3]], colour: [u8; 3]) -> usize {
    pixels.iter().filter(|pixel| **pixel == colour).count()
}

#[track_caller]
fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("{value} is no number"))
}

/// Two figures that are the same but for rounding to pixels.
#[track_caller]
fn near(found: f64, wanted: f64, what: &str) {
    assert!((found - wanted).abs() <= wanted.abs() * 0.04 + 0.02, "{what}: {found} is not {wanted}");
}

/// Runs all jobs at once; whether the report knows that they were.
fn are_seen_together(ebbd: &Ebbd) -> bool {
    let gate = Gate::closed(ebbd.path("gate"));
    let runs: Vec<u64> = JOBS.iter().map(|(job, _)| ebbd.demand(job)).collect();
    JOBS.iter().for_each(|(job, mib)| until_held(ebbd, job, u64::from(*mib)));
    std::thread::sleep(Duration::from_millis(1_500));
    gate.open();
    let is_over = |run: &u64| ebbd.history().iter().any(|line| line["id"] == *run);
    ebbd.until("the runs to end", || runs.iter().all(is_over));
    let told: Value = serde_json::from_str(&ebbd.ebb(&["report", "--json"]).out).unwrap();
    let peaks: f64 = told["jobs"].as_array().unwrap().iter().map(|job| number(&job["peak_bytes"])).sum();
    number(&told["host"]["peak_bytes"]) > peaks * 0.98
}

#[test]
fn the_page_is_drawn_as_it_says_wide_and_narrow_light_and_dark() {
    let Some(browser) = browser() else {
        return skip("report_page", "there is no Chromium");
    };
    let ebbd = Ebbd::prepare(&[]);
    let rest = format!("description = {EVIL:?}\n[memory]\nmax = \"160M\"\n");
    for (job, mib) in JOBS {
        ebbd.write_job(job, &(holds_until(&ebbd.path("gate"), mib) + &rest));
    }
    let ebbd = ebbd.go();
    // Memory is looked at up to a second apart. Where no look saw all of them at once, they run again.
    assert!((0..5).any(|_| are_seen_together(&ebbd)), "{:?}", ebbd.history());
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("report.html");
    let baseline = JOBS.map(|(job, mib)| format!("{job}={}M", mib * 4));
    let before: Vec<&str> = baseline.iter().flat_map(|before| ["--before", before.as_str()]).collect();
    let said = ebbd.ebb(&[&["report", "--html", path.to_str().unwrap()][..], &before].concat());
    assert_eq!(said.code, 0, "{said:?}");
    let told: Value =
        serde_json::from_str(&ebbd.ebb(&[&["report", "--json"][..], &before].concat()).out).unwrap();
    let page = std::fs::read_to_string(&path).unwrap();

    for (is_dark, paper, colours) in [(false, [0xff, 0xff, 0xff], LIGHT), (true, [0x0d, 0x11, 0x17], DARK)] {
        let (found, pixels) = look(&browser, &page, is_dark, dir.path());
        let views = found.as_array().unwrap();
        assert_eq!(views.len(), 2, "{found}");
        for (view, width) in views.iter().zip([360.0, 1200.0]) {
            is_drawn(view, width, is_dark, &told);
        }
        assert_eq!(pixels[0], paper, "the paper");
        assert!(count(&pixels, paper) > pixels.len() / 3);
        let [large, middle, small, was, is] = colours.map(|colour| count(&pixels, colour));
        assert!(large > middle && large > small && middle.min(small) > 500, "{large} {middle} {small}");
        assert!(was > is && is > 500, "what was before is more: {was} {is}");
    }
}

/// One look at the page.
fn is_drawn(view: &Value, width: f64, is_dark: bool, told: &Value) {
    let bad: Vec<&Value> = ["wide", "faint", "outside", "small"].iter().map(|key| &view[key]).collect();
    assert!(
        bad.iter().all(|list| list.as_array().unwrap().is_empty()),
        "{width}: too wide, too faint, outside, too small: {bad:?}"
    );
    assert_eq!(number(&view["scroll_width"]), width, "nothing to scroll to the side");
    assert_eq!(view["is_dark"], is_dark);
    assert_eq!(
        (&view["scripts"], &view["images"], &view["fetched"]),
        (&0.into(), &0.into(), &0.into()),
        "it needs nothing"
    );
    assert!(
        view["title"].as_str().unwrap().ends_with(" · ebb report"),
        "nothing in it was run: {}",
        view["title"]
    );
    assert!(number(&view["texts"]) > 60.0, "{}", view["texts"]);
    let percent = number(&told["saving"]["saved_percent"]);
    assert!(view["heading"].as_str().unwrap().ends_with(" % less memory"), "{} {percent}", view["heading"]);
    // Before and after stand in the ratio of their bytes.
    let bytes = |value: &Value| number(value);
    let (was, is) = (&view["before"], &view["after"]);
    near(
        number(&was["height"]) / number(&is["height"]),
        bytes(&told["saving"]["before_bytes"]) / bytes(&told["saving"]["peak_bytes"]),
        "before against after",
    );
    near(number(&was["bottom"]), number(&is["bottom"]), "both stand on the ground");
    // All three jobs at once, on top of each other, each as high as it was.
    let bands = view["bands"].as_array().unwrap();
    assert_eq!(bands.len(), 3, "{bands:?}");
    let mut colours: Vec<&str> = bands.iter().map(|band| band["fill"].as_str().unwrap()).collect();
    colours.dedup();
    assert_eq!(colours.len(), 3, "{colours:?}");
    let tops: Vec<f64> = bands.iter().map(|band| number(&band["top"])).collect();
    assert!(tops[0] > tops[1] && tops[1] > tops[2], "stacked: {tops:?}");
    let ground = number(&bands[0]["bottom"]);
    let peaks: Vec<f64> =
        told["host"]["peak_jobs"].as_array().unwrap().iter().map(|guest| bytes(&guest["bytes"])).collect();
    near(
        (ground - tops[0]) / (ground - tops[2]),
        peaks[0] / peaks.iter().sum::<f64>(),
        "the largest in the stack",
    );
    // A curve below its limit, in the ratio of their bytes.
    let curves = view["curves"].as_array().unwrap();
    assert_eq!(curves.len(), 3, "{curves:?}");
    for curve in curves {
        let name = curve["job"].as_str().unwrap();
        let job = told["jobs"].as_array().unwrap().iter().find(|job| job["job"] == name).unwrap();
        let (high, limit) = (number(&curve["height"]), number(&curve["limit_height"]));
        if curve["has_limit"] == true {
            near(high / limit, bytes(&job["peak_bytes"]) / bytes(&job["limit_bytes"]), name);
        }
    }
    assert_eq!(curves.iter().filter(|curve| curve["has_limit"] == true).count(), 2, "20M are far below 160M");
    assert_eq!(
        (&view["rows"], &view["named"]),
        (&3.into(), &5.into()),
        "a row a job, and each picture has a name"
    );
}
