//! Creates and renames the tables between two models.

use super::database::{Changed, Database, Source};
use super::models::{LinkTable, ModelKey, Models};

pub fn create_links(
    database: &mut Database,
    links: Option<Result<LinkTable, String>>,
    source: &Source,
) -> Changed {
    let Some(links) = links else { return Ok(()) };
    let links = links?;
    database.create(&links.name, vec![links.id, links.from, links.to], source);
    Ok(())
}

pub fn rename_links(
    database: &mut Database,
    before: &LinkTable,
    after: &LinkTable,
    source: &Source,
) -> Changed {
    database.rename(&before.name, &after.name)?;
    for (old, new) in [(&before.from, &after.from), (&before.to, &after.to)] {
        database.alter(&after.name, &old.name, new.clone(), source)?;
    }
    Ok(())
}

/// The table of links of one field, if it has one.
pub fn links_of(models: &Models, key: &ModelKey, name: &str) -> Option<LinkTable> {
    let model = models.get(key)?;
    models.links(key, name, model.field(name)?)?.ok()
}

/// Every table of links, by the model and the field that make it.
pub fn all_links(models: &Models) -> Vec<((ModelKey, String), LinkTable)> {
    let mut all = Vec::new();
    for (key, model) in models.iter().filter(|(_, model)| model.has_table()) {
        for (name, field) in &model.fields {
            if let Some(Ok(links)) = models.links(key, name, field) {
                all.push(((key.clone(), name.clone()), links));
            }
        }
    }
    all
}
