//! next
use super::args;
use super::failure::{Done, Failure};
use super::screen::Screen;
use super::target::Target;
pub(super) fn run(_args: &args::Next, _target: &Target, _screen: &mut Screen) -> Done {
    Err(Failure::Usage("not yet".to_owned()))
}
