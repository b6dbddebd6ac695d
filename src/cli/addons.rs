//! `addons`.

use clap::Args;

/// An environment's add-ons and their plans.
#[derive(Debug, Clone, Args)]
pub struct AddonsArgs {
    /// The environment
    #[arg(value_name = "ENV")]
    pub environment: String,
}
