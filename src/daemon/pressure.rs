//! The watch for processes that stand still for want of memory: it wakes the loop where the kernel sees that, and is there
//! only while some run could be held back for it. Decides nothing.

use tokio::io::Interest;
use tokio::sync::mpsc;
use tokio::task::AbortHandle;

use crate::engine::Event;
use crate::sys::watch::Watch;
use crate::sys::{is_scarce, pressure};

use super::input::Input;
use super::shell::Shell;

/// The watch as it stands.
#[derive(Debug, Default)]
pub(super) enum Alarm {
    /// Nobody watches.
    #[default]
    Off,
    /// From this share on the loop is told.
    On(u8, AbortHandle),
    /// The kernel refuses one for this share; the log has said so.
    Refused(u8),
}

impl Shell {
    /// Watches as long as any run is there, and the budget heeds the pressure.
    pub(super) fn watch_pressure(&mut self) {
        let budget = self.engine.budget();
        let percent = budget.pressure.filter(|_| budget.is_on);
        let has_runs = percent.is_some() && self.engine.run_counts() != (0, 0);
        self.alarm.set(percent.filter(|_| has_runs), &self.input);
    }

    /// Some process has stood still for memory for longer than the budget allows.
    pub(super) fn pressure(&mut self) {
        tracing::debug!("processes stand still for want of memory");
        self.handle(Event::Pressure(self.look_for_room()));
    }
}

impl Alarm {
    /// Watches from this share of a second on, in percent; `None`: not at all.
    fn set(&mut self, wanted: Option<u8>, input: &mpsc::UnboundedSender<Input>) {
        match (&self, wanted) {
            (Self::Off, None) => return,
            (Self::On(percent, _) | Self::Refused(percent), Some(wanted)) if *percent == wanted => return,
            // It is tried again, and said again, where something else is wished for.
            (Self::Refused(_), None) => return,
            (Self::On(_, task), _) => task.abort(),
            (Self::Off | Self::Refused(_), Some(_)) => {}
        }
        *self = wanted.map_or(Self::Off, |percent| Self::arm(percent, input));
    }

    fn arm(percent: u8, input: &mpsc::UnboundedSender<Input>) -> Self {
        match pressure::trigger(percent) {
            Ok(fd) => {
                let watch = Watch::new(fd, Interest::PRIORITY);
                let input = input.clone();
                Self::On(percent, tokio::spawn(tell(watch, input)).abort_handle())
            }
            Err(error) if is_scarce(&error) => Self::Off,
            Err(error) => {
                tracing::warn!("pressure on memory is seen late, when something else happens: {error}");
                Self::Refused(percent)
            }
        }
    }
}

/// Tells the loop each time; the kernel does so once a window at most.
async fn tell(watch: Watch<std::os::fd::OwnedFd>, input: mpsc::UnboundedSender<Input>) {
    while let Ok(ready) = watch.ready().await {
        if input.send(Input::Pressure).is_err() {
            return;
        }
        ready.again().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_on(alarm: &Alarm) -> bool {
        matches!(alarm, Alarm::On(..))
    }

    #[test]
    fn the_watch_is_gone_as_soon_as_nobody_wants_it() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let (input, mut inputs) = mpsc::unbounded_channel();
            let mut alarm = Alarm::default();
            alarm.set(Some(100), &input);
            let can_watch = pressure::trigger(100).is_ok();
            assert_eq!(is_on(&alarm), can_watch);
            alarm.set(Some(90), &input);
            assert_eq!(is_on(&alarm), can_watch);
            alarm.set(None, &input);
            drop(input);
            // The last sender was the watch's own: it has ended, and its descriptor with it.
            let patience = std::time::Duration::from_secs(20);
            while tokio::time::timeout(patience, inputs.recv()).await.unwrap().is_some() {}
            assert!(!is_on(&alarm));
        });
    }

    #[test]
    fn what_is_refused_is_said_once() {
        let (input, _inputs) = mpsc::unbounded_channel();
        let mut alarm = Alarm::Refused(15);
        for wanted in [Some(15), None, Some(15)] {
            // Outside of a runtime a watch that is armed would panic.
            alarm.set(wanted, &input);
            assert!(matches!(alarm, Alarm::Refused(15)), "{alarm:?}");
        }
    }
}
