use clap::Args;
use goal_activity_events::PriorityClass;

/// How urgent what is requested is.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct Urgency {
    /// Work in the background: interactive requests are launched first, for an hour at most
    #[arg(long)]
    bulk: bool,
}

impl Urgency {
    pub(crate) fn class(self) -> PriorityClass {
        if self.bulk { PriorityClass::Bulk } else { PriorityClass::Interactive }
    }
}
