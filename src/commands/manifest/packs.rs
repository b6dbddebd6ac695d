//! `manifest packs`: lists what bcops knows of products.

use std::fmt;

use schemars::JsonSchema;
use serde::Serialize;

use crate::commands::{Context, Outcome};
use crate::deployment::manifest;
use crate::failure::CommandError;
use crate::scrub::packs;
use crate::ui::table::{Column, Table};

/// The result of `manifest packs`.
#[derive(Serialize, JsonSchema)]
pub struct Packs {
    packs: Vec<KnownPack>,
}

#[derive(Serialize, JsonSchema)]
struct KnownPack {
    name: &'static str,
    /// The products and releases.
    knows: String,
    /// The day on which it was checked against them.
    checked: String,
    /// How many tables it knows.
    tables: usize,
    /// Whether the manifest in force has it.
    in_force: bool,
}

pub fn run(context: &Context) -> Result<Outcome, CommandError> {
    let manifest = manifest::load(&context.settings)?;
    let packs: Vec<KnownPack> = packs::all()?
        .iter()
        .map(|pack| KnownPack {
            name: pack.name,
            knows: pack.knows.clone(),
            checked: pack.checked.clone(),
            tables: pack.tables(),
            in_force: manifest.packs.iter().any(|one| one.name == pack.name),
        })
        .collect();
    Ok(Outcome::of(&Packs { packs }))
}

impl fmt::Display for Packs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut table = Table::new([
            Column::word("PACK"),
            Column::word("IN FORCE"),
            Column::number("TABLES").minor(2),
            Column::word("CHECKED").minor(1),
            Column::text("KNOWS"),
        ]);
        for KnownPack { name, knows, checked, tables, in_force } in &self.packs {
            let in_force = if *in_force { "yes" } else { "no" };
            table.row([name, in_force, &tables.to_string(), checked, knows]);
        }
        write!(f, "{table}")
    }
}
