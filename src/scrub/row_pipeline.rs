//! Passes one table's rows through the rule, the counting and the audit.
//!
//! The loader and the rewriting of backup files share it, so both give the same table.

use super::audit::{AuditCount, TableAudit};
use super::dropped::DroppedMember;
use super::keys::KeySets;
use super::plan::{ScrubPlan, TableAction};
use super::rewriter::{Rewriter, RowCounts, ScrubError};
use super::unclassified::NeedyRows;
use crate::schema::TableName;

pub struct RowPipeline {
    rewriter: Option<Rewriter>,
    audit: Option<TableAudit>,
    counts: RowCounts,
}

/// What happened to one table's rows.
#[derive(Debug, Default)]
pub struct Passed {
    pub counts: RowCounts,
    pub audit: Vec<AuditCount>,
    pub needy: Vec<NeedyRows>,
    pub dropped_members: Vec<DroppedMember>,
}

impl RowPipeline {
    /// `columns` are those of the COPY data, in its order. Without a plan, rows pass unchanged.
    pub fn new(
        plan: Option<&ScrubPlan>,
        table: &TableName,
        columns: &[String],
        action: TableAction,
        keys: &KeySets,
    ) -> Result<Self, ScrubError> {
        let mut pipeline =
            RowPipeline { rewriter: None, audit: None, counts: RowCounts::default() };
        if let Some(plan) = plan {
            if action != TableAction::Keep {
                pipeline.rewriter = Some(Rewriter::new(plan, table, columns, keys)?);
            }
            pipeline.audit =
                Some(TableAudit::new(plan, table, &plan.loaded_columns(table, columns))?);
        }
        Ok(pipeline)
    }

    /// Replaces National Insurance numbers in published content, which are findings otherwise.
    pub fn replacing_published_numbers(mut self) -> Self {
        self.audit = self.audit.map(TableAudit::replacing);
        self
    }

    /// Audits published content as thoroughly as everything else.
    pub fn thorough(
        mut self,
        plan: &ScrubPlan,
        table: &TableName,
        columns: &[String],
    ) -> Result<Self, ScrubError> {
        self.audit = Some(TableAudit::thorough(plan, table, columns)?);
        Ok(self)
    }

    /// Takes complete rows and returns what is left of them, audited.
    pub fn process(&mut self, rows: Vec<u8>) -> Result<Vec<u8>, ScrubError> {
        let mut rows = match &mut self.rewriter {
            Some(rewriter) => {
                let mut out = Vec::with_capacity(rows.len());
                self.counts += rewriter.rewrite(&rows, &mut out)?;
                out
            }
            None => {
                let lines = memchr::memchr_iter(b'\n', &rows).count() as u64;
                self.counts.read += lines;
                self.counts.kept += lines;
                rows
            }
        };
        if let Some(audit) = &mut self.audit {
            rows = audit.pass(rows);
            if let Some(column) = audit.doubtful_column() {
                let (table, column) = (audit.table().clone(), column.to_owned());
                return Err(ScrubError::NotLookedInto { table, column });
            }
        }
        Ok(rows)
    }

    pub fn found_personal_data(&self) -> bool {
        self.audit.as_ref().is_some_and(TableAudit::found_personal_data)
    }

    /// Whether a row needs another row that is not loaded.
    pub fn found_need(&self) -> bool {
        self.rewriter.as_ref().is_some_and(Rewriter::found_need)
    }

    /// Returns the result. Call it after the table's last row, because other tables may need its
    /// keys.
    pub fn finish(self, keys: &mut KeySets) -> Passed {
        let mut passed = Passed { counts: self.counts, ..Passed::default() };
        if let Some(mut rewriter) = self.rewriter {
            passed.needy = rewriter.needy_rows();
            passed.dropped_members = rewriter.take_dropped();
            rewriter.finish(keys);
        }
        passed.audit = self.audit.map(TableAudit::finish).unwrap_or_default();
        passed
    }
}
