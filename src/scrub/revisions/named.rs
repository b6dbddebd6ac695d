//! Reads members that the manifest names by model and path: `HomePage.hero_items.*.title`.

use super::super::rules::{MemberPath, Step};

/// A member of the revisions of one model, or of every model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in super::super) struct NamedMember {
    /// In lower case, as in Django's content types. `None` means every model.
    model: Option<String>,
    /// Set if two apps have models of the same name.
    app: Option<String>,
    pub path: Vec<Step>,
}

impl NamedMember {
    pub(in super::super) fn parse(text: &str) -> Result<NamedMember, String> {
        NamedMember::of(&MemberPath::parse(text)?)
    }

    /// The first step is the model, or its app if the second step begins with a capital letter.
    pub(in super::super) fn of(path: &MemberPath) -> Result<NamedMember, String> {
        let (first, rest) = path.steps.split_first().ok_or("an empty path")?;
        let (app, model, rest) = match (first, rest) {
            (Step::Any, rest) => (None, None, rest),
            (Step::Member(app), [Step::Member(model), rest @ ..])
                if begins_with_capital(model) && !begins_with_capital(app) =>
            {
                (Some(app.to_lowercase()), Some(model.to_lowercase()), rest)
            }
            (Step::Member(model), rest) => (None, Some(model.to_lowercase()), rest),
        };
        if rest.is_empty() {
            return Err(format!(
                "`{path}` names no member: write the model and the path, such as HomePage.title"
            ));
        }
        Ok(NamedMember { model, app, path: rest.to_vec() })
    }

    pub(super) fn is_for_every_model(&self) -> bool {
        self.model.is_none()
    }

    pub(super) fn is_of(&self, app: &str, model: &str) -> bool {
        self.model.as_ref().is_none_or(|own| own == model)
            && self.app.as_ref().is_none_or(|own| own == app)
    }
}

fn begins_with_capital(name: &str) -> bool {
    name.chars().next().is_some_and(char::is_uppercase)
}
