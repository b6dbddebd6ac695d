//! Reads the manifest: which tables and columns hold what, and what each policy does with them.
//!
//! [`Manifest::parse`] reads TOML and reports every mistake of the file at once, each with its
//! line. `plan` decides whether the manifest fits a database.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;

use toml::Spanned;

use super::built_in;
pub use super::document::LargeObjects;
use super::document::{
    ConditionSection, Document, Name, NameOrNames, OneOrMany, PolicySection, TableSection,
};
use super::packs::{self, Identity, NeededColumn, Pack, PackTable};
use super::patterns::Kind;
use super::published::AllowedNumber;
use super::revisions::NamedMember;
use super::rules::{
    Class, ColumnAction, ColumnReference, Condition, Edit, Keep, MemberPath, Place, RowRule, Rule,
    Template, Test, parse_table_name,
};
use crate::failure::{CommandError, FailureKind};
use crate::schema::{Schema, TableName};
use crate::words::did_you_mean;

/// The policies of a manifest that names none.
const DEFAULT_POLICIES: [&str; 2] = ["local", "staging"];

/// The name of all that is compiled in, in `extends`.
pub(super) const BUILT_IN: &str = "built-in";

/// The key for every policy for which a table has no rule of its own.
pub(super) const ANY_POLICY: &str = "any";

#[derive(Debug, Clone)]
pub struct Manifest {
    pub policies: BTreeSet<String>,
    pub large_objects: LargeObjects,
    /// Values that are not personal, by kind. `*` matches any text.
    pub allow: BTreeMap<Kind, Vec<String>>,
    /// National Insurance numbers that are allowed in published content.
    pub published: Vec<AllowedNumber>,
    pub after: Vec<AfterStatement>,
    /// Members of revisions that stay although no column describes them.
    pub(super) revision_members: Vec<NamedMember>,
    /// Tables of models, by `app.model`, where Django's default name is wrong.
    pub(super) revision_tables: BTreeMap<String, TableName>,
    pub tables: BTreeMap<TableName, TableEntry>,
    /// What bcops knows of products. Their entries count where their tables are.
    pub packs: Vec<Arc<Pack>>,
    /// Tables with the name of a pack's table that are other tables, with the reason.
    pub(super) strangers: BTreeMap<TableName, String>,
    /// The texts of the user's own files.
    pub(super) sources: Vec<Arc<str>>,
    /// What is compiled in and a part of it.
    pub(super) base: Option<BuiltIn>,
}

/// What `extends = "built-in"` means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BuiltIn {
    /// The manifest of the built-in site.
    Site,
    /// Every pack, and nothing of the built-in site.
    Packs,
}

/// SQL that runs after the rows are loaded.
#[derive(Debug, Clone, PartialEq)]
pub struct AfterStatement {
    pub place: Place,
    pub policies: BTreeSet<String>,
    /// Run only where this table exists.
    pub if_table: Option<TableName>,
    pub sql: String,
}

/// What the manifest says about one table.
#[derive(Debug, Clone)]
pub struct TableEntry {
    pub place: Place,
    pub class: Class,
    pub columns: BTreeMap<String, (Class, Place)>,
    rules: BTreeMap<String, Rule>,
}

impl TableEntry {
    pub(super) fn new(
        place: Place,
        class: Class,
        columns: BTreeMap<String, (Class, Place)>,
    ) -> Self {
        TableEntry { place, class, columns, rules: BTreeMap::new() }
    }

    pub(super) fn set_rule(&mut self, policy: &str, rule: Rule) {
        self.rules.insert(policy.to_owned(), rule);
    }

    /// The rule of a policy, if there is one.
    pub fn rule(&self, policy: &str) -> Option<&Rule> {
        self.rules.get(policy).or_else(|| self.rules.get(ANY_POLICY))
    }

    /// Whether every rule is for one of these policies, or for `any`.
    pub(super) fn has_rules_for(&self, policies: &BTreeSet<String>) -> bool {
        self.rules.keys().all(|policy| policy == ANY_POLICY || policies.contains(policy))
            && (self.rules.is_empty() || policies.iter().all(|policy| self.rule(policy).is_some()))
    }

    /// The rules as written in the manifest. `any` stands for every other policy.
    pub(super) fn rules(&self) -> &BTreeMap<String, Rule> {
        &self.rules
    }
}

/// Everything that is wrong with the text of a manifest.
#[derive(Debug, Clone, thiserror::Error)]
#[error("cannot use the manifest {origin}:{}", problem_list(.problems))]
pub struct ManifestError {
    pub origin: Arc<str>,
    pub problems: Vec<ManifestProblem>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ManifestProblem {
    pub place: Place,
    pub message: String,
}

fn problem_list(problems: &[ManifestProblem]) -> String {
    problems.iter().map(|problem| format!("\n  {}: {}", problem.place, problem.message)).collect()
}

impl Manifest {
    /// The entry of a table, or of the partitioned table it belongs to.
    pub(super) fn entry_of(&self, schema: &Schema, table: &TableName) -> Option<&TableEntry> {
        schema.ancestors(table).find_map(|name| self.tables.get(name))
    }

    /// The manifest of the built-in site.
    pub fn built_in() -> Result<Self, ManifestError> {
        let layer = Layer::read(built_in::ORIGIN, built_in::TEXT)?;
        Ok(Manifest { base: Some(BuiltIn::Site), ..layer.manifest(BuiltIn::Packs)? })
    }

    /// The manifest of a site that has none of its own.
    pub fn of_every_pack() -> Result<Self, ManifestError> {
        let text = "schema_version = 1\nextends = \"built-in\"";
        Layer::read(built_in::ORIGIN, text)?.manifest(BuiltIn::Packs)
    }

    /// Reads a manifest. It is added to what it extends, otherwise it stands alone. `origin` names
    /// the file in messages.
    pub fn parse(origin: &str, text: &str) -> Result<Self, ManifestError> {
        Self::parse_over(origin, text, BuiltIn::Site)
    }

    /// As [`Self::parse`], for a site that may not inherit the built-in one.
    pub fn parse_over(origin: &str, text: &str, built_in: BuiltIn) -> Result<Self, ManifestError> {
        let mut manifest = Layer::read(origin, text)?.manifest(built_in)?;
        manifest.sources.push(text.into());
        Ok(manifest)
    }

    pub(super) fn parse_pack(
        name: &'static str,
        text: &'static str,
    ) -> Result<Pack, ManifestError> {
        Ok(Layer::read_as(&packs::origin(name), text, Reader::OfPacks)?.pack(name, text))
    }
}

/// Who writes the text: a user, or bcops.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reader {
    OfManifests,
    OfPacks,
}

impl Layer {
    fn read(origin: &str, text: &str) -> Result<Layer, ManifestError> {
        Layer::read_as(origin, text, Reader::OfManifests)
    }

    fn read_as(origin: &str, text: &str, reader: Reader) -> Result<Layer, ManifestError> {
        let origin: Arc<str> = origin.into();
        let document: Document = toml::from_str(text).map_err(|error| {
            let line = error.span().map_or(1, |span| line_of(text, span.start));
            let place = Place { origin: origin.clone(), line };
            let message = error.message().to_string();
            ManifestError {
                origin: origin.clone(),
                problems: vec![ManifestProblem { place, message }],
            }
        })?;
        let mut reading = Reading { origin: origin.clone(), text, reader, problems: Vec::new() };
        let layer = reading.layer(document);
        match reading.problems.is_empty() {
            true => Ok(layer),
            false => Err(ManifestError { origin, problems: reading.problems }),
        }
    }
}

/// The statements of one file. Remembers which keys are missing.
struct Layer {
    extends: Vec<String>,
    pack: Option<(String, String)>,
    policies: Option<BTreeSet<String>>,
    large_objects: Option<LargeObjects>,
    allow: BTreeMap<Kind, Vec<String>>,
    published: Vec<AllowedNumber>,
    after: Vec<AfterStatement>,
    revision_members: Vec<NamedMember>,
    revision_tables: BTreeMap<String, TableName>,
    tables: BTreeMap<TableName, TableEntry>,
    /// For a pack's tables.
    identities: BTreeMap<TableName, (Identity, Option<Class>)>,
}

impl Layer {
    /// The statements with all that they extend.
    fn manifest(self, built_in: BuiltIn) -> Result<Manifest, ManifestError> {
        let extends_built_in = self.extends.iter().any(|name| name == BUILT_IN);
        let mut names: Vec<String> =
            self.extends.iter().filter(|name| *name != BUILT_IN).cloned().collect();
        let mut base = Manifest {
            policies: DEFAULT_POLICIES.into_iter().map(String::from).collect(),
            large_objects: LargeObjects::Refuse,
            allow: BTreeMap::new(),
            published: Vec::new(),
            after: Vec::new(),
            revision_members: Vec::new(),
            revision_tables: BTreeMap::new(),
            tables: BTreeMap::new(),
            packs: Vec::new(),
            strangers: BTreeMap::new(),
            sources: Vec::new(),
            base: (!self.extends.is_empty()).then_some(BuiltIn::Packs),
        };
        match built_in {
            BuiltIn::Site if extends_built_in => {
                base = Manifest::built_in()?;
                names.extend(base.packs.iter().map(|pack| pack.name.to_owned()));
            }
            BuiltIn::Packs if extends_built_in => names.extend(packs::names().map(String::from)),
            _ => {}
        }
        base.packs = packs::with_their_own(&names)?;
        Ok(self.over(base))
    }

    fn pack(self, name: &'static str, text: &'static str) -> Pack {
        let (knows, checked) = self.pack.unwrap_or_default();
        let mut identities = self.identities;
        let tables = self.tables.into_iter().filter_map(|(name, entry)| {
            let (identity, others) = identities.remove(&name)?;
            Some((name, PackTable { entry, identity, others }))
        });
        Pack {
            name,
            knows,
            checked,
            extends: self.extends,
            tables: tables.collect(),
            after: self.after,
            allow: self.allow,
            text,
        }
    }

    /// Adds this layer to `base`. Whole table entries replace those of `base`, and lists are
    /// appended.
    fn over(self, base: Manifest) -> Manifest {
        let mut result = base;
        if let Some(policies) = self.policies {
            result.policies = policies;
        }
        if let Some(large_objects) = self.large_objects {
            result.large_objects = large_objects;
        }
        for (kind, values) in self.allow {
            result.allow.entry(kind).or_default().extend(values);
        }
        result.published.extend(self.published);
        result.after.extend(self.after);
        result.revision_members.extend(self.revision_members);
        result.revision_tables.extend(self.revision_tables);
        result.tables.extend(self.tables);
        result
    }
}

fn line_of(text: &str, offset: usize) -> usize {
    1 + text.bytes().take(offset).filter(|byte| *byte == b'\n').count()
}

/// Translates a document, and collects problems instead of stopping at the first.
struct Reading<'a> {
    origin: Arc<str>,
    text: &'a str,
    reader: Reader,
    problems: Vec<ManifestProblem>,
}

impl Reading<'_> {
    fn place(&self, span: Range<usize>) -> Place {
        Place { origin: self.origin.clone(), line: line_of(self.text, span.start) }
    }

    fn problem(&mut self, span: Range<usize>, message: impl Into<String>) {
        let place = self.place(span);
        self.problems.push(ManifestProblem { place, message: message.into() });
    }

    /// Returns the value, or records why there is none.
    fn checked<T>(&mut self, span: Range<usize>, result: Result<T, String>) -> Option<T> {
        result.map_err(|message| self.problem(span, message)).ok()
    }

    fn layer(&mut self, document: Document) -> Layer {
        if *document.schema_version.get_ref() != 1 {
            let message = "schema_version must be 1, the only version that this bcops knows";
            self.problem(document.schema_version.span(), message);
        }
        let extends =
            document.extends.as_ref().map(|names| self.extends(names)).unwrap_or_default();
        let is_pack = self.reader == Reader::OfPacks;
        if let Some(pack) = document.pack.as_ref().filter(|_| !is_pack) {
            self.problem(pack.span(), "only bcops' own packs have the section [pack]");
        }
        let pack = document.pack.map(Spanned::into_inner);
        let pack = pack.map(|pack| (pack.knows, pack.checked.to_string()));
        let policies = document.policies.as_ref().map(|names| self.policy_names(names));
        let known = policies
            .clone()
            .unwrap_or_else(|| DEFAULT_POLICIES.into_iter().map(String::from).collect());
        let mut after = Vec::new();
        for section in document.after {
            let place = self.place(section.span());
            let section = section.into_inner();
            for policy in &section.policies {
                self.known_policy(policy, &known);
            }
            after.push(AfterStatement {
                place,
                policies: section.policies.into_iter().map(Name::into_inner).collect(),
                if_table: section.if_table.as_deref().map(parse_table_name),
                sql: section.sql,
            });
        }
        let mut revision_members = Vec::new();
        for name in document.revisions.keep_members {
            let named = NamedMember::parse(name.get_ref());
            revision_members.extend(self.checked(name.span(), named));
        }
        let mut revision_tables = BTreeMap::new();
        for (model, table) in document.revisions.tables {
            if !model.get_ref().contains('.') {
                let message = "write the model with its app: \"home.HomePage\"";
                self.problem(model.span(), message);
            }
            let table = parse_table_name(table.get_ref());
            revision_tables.insert(model.get_ref().to_lowercase(), table);
        }
        let mut published = Vec::new();
        for section in document.audit.published {
            let span = section.span();
            let number = AllowedNumber::new(section.into_inner());
            published.extend(self.checked(span, number));
        }
        let mut tables = BTreeMap::new();
        let mut identities = BTreeMap::new();
        for (name, section) in document.tables {
            let identity = self.identity(&name, &section);
            identities.extend(identity.map(|one| (parse_table_name(name.get_ref()), one)));
            let entry = self.table(&name, section, &known);
            if tables.insert(parse_table_name(name.get_ref()), entry).is_some() {
                self.problem(
                    name.span(),
                    format!("the table {} is described twice", name.get_ref()),
                );
            }
        }
        Layer {
            extends,
            pack,
            policies,
            large_objects: document.large_objects,
            allow: document.audit.allow,
            published,
            after,
            revision_members,
            revision_tables,
            tables,
            identities,
        }
    }

    fn extends(&mut self, names: &Spanned<NameOrNames>) -> Vec<String> {
        let known = || packs::names().chain([BUILT_IN]);
        for name in names.get_ref().as_slice() {
            if !known().any(|one| one == name) {
                let meant = did_you_mean(name, known()).unwrap_or_else(|| {
                    let packs: Vec<&str> = packs::names().collect();
                    format!("use \"{BUILT_IN}\", or packs: {}", packs.join(", "))
                });
                let message =
                    format!("`extends` names `{name}`, which bcops does not have; {meant}");
                self.problem(names.span(), message);
            }
        }
        names.get_ref().as_slice().to_vec()
    }

    /// What a pack's table is known by.
    fn identity(
        &mut self,
        name: &Name,
        section: &TableSection,
    ) -> Option<(Identity, Option<Class>)> {
        let is_pack = self.reader == Reader::OfPacks;
        let Some(columns) = section.identify.as_ref().filter(|_| is_pack) else {
            let is_used = section.identify.is_some()
                || section.any_name
                || section.extension
                || section.others.is_some();
            match (is_pack, is_used) {
                (true, _) => self.problem(name.span(), "a table of a pack needs `identify`"),
                (false, true) => {
                    let message =
                        "identify, any_name, extension and others are for bcops' own packs";
                    self.problem(name.span(), message);
                }
                (false, false) => {}
            }
            return None;
        };
        let mut needs = Vec::new();
        for column in columns {
            let needed = NeededColumn::parse(column.get_ref());
            needs.extend(self.checked(column.span(), needed));
        }
        let (any_name, extension) = (section.any_name, section.extension);
        Some((Identity { needs, any_name, extension }, section.others))
    }

    fn policy_names(&mut self, names: &[Name]) -> BTreeSet<String> {
        for name in names {
            if name.get_ref() == ANY_POLICY {
                self.problem(
                    name.span(),
                    "cannot name a policy `any`: the word means every policy",
                );
            }
        }
        names.iter().map(|name| name.get_ref().clone()).collect()
    }

    fn known_policy(&mut self, name: &Name, known: &BTreeSet<String>) {
        if !known.contains(name.get_ref()) {
            let known = known.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
            let message = format!("`{}` is not a policy; the policies are {known}", name.get_ref());
            self.problem(name.span(), message);
        }
    }

    fn table(
        &mut self,
        name: &Name,
        section: TableSection,
        known: &BTreeSet<String>,
    ) -> TableEntry {
        let mut columns: BTreeMap<String, (Class, Place)> = BTreeMap::new();
        let lists = [
            (Class::Personal, section.personal),
            (Class::Operational, section.operational),
            (Class::Content, section.content),
        ];
        for (class, names) in lists {
            for column in names {
                let span = column.span();
                let place = self.place(span.clone());
                let column = column.into_inner();
                if let Some((other, _)) = columns.get(&column) {
                    let message =
                        format!("the column {column} is listed twice, as {other} and as {class}");
                    self.problem(span, message);
                    continue;
                }
                columns.insert(column, (class, place));
            }
        }
        let mut rules = BTreeMap::new();
        for (policy, section) in section.policy {
            if policy.get_ref() != ANY_POLICY {
                self.known_policy(&policy, known);
            }
            let rule = self.rule(&policy, section);
            rules.insert(policy.into_inner(), rule);
        }
        TableEntry { place: self.place(name.span()), class: section.class, columns, rules }
    }

    fn rule(&mut self, policy: &Name, section: PolicySection) -> Rule {
        let place = self.place(policy.span());
        for (key, value) in [("delete", section.delete), ("keep", section.keep)] {
            if value == Some(false) {
                self.problem(policy.span(), format!("`{key} = false` has no effect: remove it"));
            }
        }
        let reason = section.reason.clone();
        let audit_allow = section.audit_allow.iter().map(|name| name.get_ref().clone()).collect();
        let (delete, keep) = (section.delete == Some(true), section.keep == Some(true));
        let conditions = section.keep_where.as_ref().map(|list| self.conditions(policy, list));
        let columns = self.column_actions(section);
        let rows = match (delete, keep, conditions) {
            (true, false, None) => RowRule::Delete,
            (false, _, None) => RowRule::Keep,
            (false, false, Some(conditions)) => RowRule::KeepWhere(conditions),
            _ => {
                self.problem(policy.span(), "use only one of delete, keep and keep_where");
                RowRule::Delete
            }
        };
        let nothing_said = !keep && rows == RowRule::Keep && columns.is_empty();
        if nothing_said {
            let message = "the rule is empty: write `keep = true` and a reason, or an action";
            self.problem(policy.span(), message);
        }
        if (rows == RowRule::Delete || keep) && !columns.is_empty() {
            let message = "delete and keep cannot be combined with rules for columns";
            self.problem(policy.span(), message);
        }
        Rule { place, rows, columns, reason, audit_allow }
    }

    fn conditions(&mut self, policy: &Name, sections: &[ConditionSection]) -> Vec<Condition> {
        if sections.is_empty() {
            self.problem(policy.span(), "keep_where has no condition, so it keeps every row");
        }
        sections.iter().filter_map(|section| self.condition(section)).collect()
    }

    fn condition(&mut self, section: &ConditionSection) -> Option<Condition> {
        let span = section.column.span();
        let mut tests = Vec::new();
        if let Some(references) = &section.r#in {
            tests.push(Test::In(self.references(span.clone(), references)?));
        }
        if let Some(value) = &section.equals {
            tests.push(Test::OneOf(vec![value.clone()]));
        }
        if let Some(values) = &section.one_of {
            tests.push(Test::OneOf(values.clone()));
        }
        if section.is_null == Some(true) || section.not_null == Some(false) {
            tests.push(Test::IsNull);
        }
        if section.not_null == Some(true) || section.is_null == Some(false) {
            tests.push(Test::NotNull);
        }
        match (tests.pop(), tests.is_empty()) {
            (Some(test), true) => {
                Some(Condition { column: section.column.get_ref().clone(), test })
            }
            _ => {
                self.problem(
                    span,
                    "a condition needs exactly one of in, equals, one_of, is_null, not_null",
                );
                None
            }
        }
    }

    fn references(&mut self, span: Range<usize>, list: &OneOrMany) -> Option<Vec<ColumnReference>> {
        let references: Result<Vec<_>, _> =
            list.as_slice().iter().map(|text| ColumnReference::parse(text)).collect();
        let references = self.checked(span.clone(), references)?;
        if references.is_empty() {
            self.problem(span, "`in` needs at least one column");
            return None;
        }
        Some(references)
    }

    fn column_actions(&mut self, mut section: PolicySection) -> BTreeMap<String, ColumnAction> {
        let mut actions = BTreeMap::new();
        let replaced = section.replaced();
        for (name, template) in section.set {
            if let Some(template) = self.checked(name.span(), Template::parse(&template)) {
                self.add_action(&mut actions, name, ColumnAction::Set(template));
            }
        }
        for name in section.null {
            self.add_action(&mut actions, name, ColumnAction::Null);
        }
        for (name, section) in section.null_unless {
            if let Some(references) = self.references(name.span(), &section.r#in) {
                self.add_action(&mut actions, name, ColumnAction::NullUnless(references));
            }
        }
        for (replacement, names) in replaced {
            for name in names {
                self.add_action(&mut actions, name, ColumnAction::Replace(replacement));
            }
        }
        let mut edits: BTreeMap<Name, Edit> = BTreeMap::new();
        for (name, paths) in section.keep_members {
            let paths: Result<Vec<_>, _> =
                paths.iter().map(|path| MemberPath::parse(path)).collect();
            if let Some(paths) = self.checked(name.span(), paths) {
                edits.entry(name).or_default().keep = Some(Keep::Named(paths));
            }
        }
        for (name, paths) in section.remove_members {
            let paths: Result<Vec<_>, _> =
                paths.iter().map(|path| MemberPath::parse(path)).collect();
            if let Some(paths) = self.checked(name.span(), paths) {
                edits.entry(name).or_default().remove_members = paths;
            }
        }
        for (name, kinds) in section.redact {
            edits.entry(name).or_default().redact = kinds.into_iter().collect();
        }
        for (name, edit) in edits {
            if edit.keep.is_none() && edit.remove_members.is_empty() && edit.redact.is_empty() {
                self.problem(
                    name.span(),
                    format!("the rule names nothing to remove from {}", name.get_ref()),
                );
            }
            self.add_action(&mut actions, name, ColumnAction::Edit(edit));
        }
        actions
    }

    fn add_action(
        &mut self,
        actions: &mut BTreeMap<String, ColumnAction>,
        name: Name,
        action: ColumnAction,
    ) {
        let span = name.span();
        let name = name.into_inner();
        if actions.insert(name.clone(), action).is_some() {
            self.problem(span, format!("the column {name} has two rules in one policy"));
        }
    }
}

impl From<ManifestError> for CommandError {
    fn from(error: ManifestError) -> Self {
        CommandError::wrap(FailureKind::Configuration, error)
    }
}
