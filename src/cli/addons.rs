//! Defines the arguments of `addons`.

use clap::Args;

/// List an environment's add-ons and their plans.
#[derive(Debug, Clone, Args)]
pub struct AddonsArgs {
    /// The environment
    #[arg(value_name = "ENV")]
    pub environment: String,
}
