// SPDX-License-Identifier: MIT OR Apache-2.0
//! `SHUTTERD_*` variables: `SHUTTERD_HTTP_LISTEN=0.0.0.0:8787` is `listen` of `[http]`.

use super::document::Table;
use super::keys::{OTHER_VARIABLES, VARIABLE_SECTIONS};
use super::report::{Place, Report};
use super::schema::{Key, Schema, nearest};

/// What every variable begins with.
pub const VARIABLE_PREFIX: &str = "SHUTTERD_";

/// What the variables say, and which ones there are.
pub(super) struct Variables {
    /// One table for each variable.
    pub(super) tables: Vec<Table>,
    /// The variables that were read, `environment SHUTTERD_…`.
    pub(super) names: Vec<String>,
}

/// Reads those of `env` that have our prefix, in the order of their names.
pub(super) fn read(
    env: impl IntoIterator<Item = (String, String)>,
    schema: &Schema,
    report: &mut Report,
) -> Variables {
    let known: Vec<(String, &'static str, &Key)> = schema
        .sections
        .iter()
        .filter(|section| VARIABLE_SECTIONS.contains(&section.path))
        .flat_map(|s| s.keys.iter().map(|key| (variable(s.path, key.name), s.path, key)))
        .collect();
    let mut variables: Vec<(String, String)> = env
        .into_iter()
        .filter(|(name, _)| name.starts_with(VARIABLE_PREFIX))
        .filter(|(name, _)| !OTHER_VARIABLES.contains(&name.as_str()))
        .collect();
    variables.sort();

    let mut read = Variables { tables: Vec::new(), names: Vec::new() };
    for (name, text) in variables {
        let place = Place::Variable(name.as_str().into());
        let Some((_, section, key)) = known.iter().find(|(known, ..)| *known == name) else {
            let names = || known.iter().map(|(name, ..)| name.as_str());
            let instead = match nearest(&name, names()) {
                Some(near) => format!("the nearest known variable is `{near}`"),
                None => format!("known: {}", names().collect::<Vec<_>>().join(", ")),
            };
            report.add(&place, "", "unknown variable", instead);
            continue;
        };
        match key.kind.check(&key.kind.raw_of_variable(&text)) {
            Ok(value) => {
                let mut table = Table::new(section, place.clone());
                table.insert(key.name, value, place.clone());
                read.tables.push(table);
                read.names.push(place.to_string());
            }
            Err(wrong) => {
                report.add(&place, format!("{section}.{}", key.name), wrong, key.instead());
            }
        }
    }
    read
}

/// The variable of a key.
fn variable(section: &str, key: &str) -> String {
    format!("{VARIABLE_PREFIX}{section}_{key}").to_uppercase().replace('-', "_")
}
