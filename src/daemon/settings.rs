//! The budget of ebbd.toml, read again at a reload and put into force. What it means is decided in `settings`, what follows
//! from it in `engine`; nothing of the text is kept.

use crate::engine::{Budget, Event};
use crate::settings::{self, Settings};

use super::load::Harvest;
use super::shell::Shell;

/// What the settings file says now, or its problems, each as it is printed.
pub(super) type Reread = Result<(Settings, Budget), Vec<String>>;

impl Shell {
    /// Reads the settings file again. Of all settings, `[budget]` and `[pools]` alone can change while ebbd runs.
    pub(super) fn read_settings(&self) -> Reread {
        let (path, is_named) = (&self.options.places.config, self.options.is_config_named);
        let total = self.ladder.total_memory();
        let read = settings::read_file(path, is_named, total);
        let file =
            read.map_err(|problems| problems.iter().map(ToString::to_string).collect::<Vec<String>>())?;
        for warning in &file.warnings {
            tracing::warn!("{warning}");
        }
        let budget = file.settings.budget(total);
        Ok((file.settings, budget))
    }

    /// What there is to give out from now on.
    pub(super) fn budget_in_force(&mut self, budget: Budget) {
        self.handle(Event::Budget(budget));
    }

    /// Adds to what was harvested what is wrong with the settings, by themselves or against the jobs.
    pub(super) fn tell_of_settings(&self, reread: &Reread, harvest: &mut Harvest) {
        match reread {
            Ok((settings, budget)) => harvest.hold_against(&self.options.places.config, settings, budget),
            Err(problems) => drop(harvest.problems.splice(0..0, problems.iter().cloned())),
        }
    }
}
