//! Names the tables that store a Django account.

pub(super) const GROUPS: &str = "auth_group";
pub(super) const PERMISSIONS: &str = "auth_permission";
pub(super) const CONTENT_TYPES: &str = "django_content_type";
/// Wagtail's settings for a user.
pub(super) const PROFILES: &str = "wagtailusers_userprofile";
/// The column of a profile that names its user. It does not depend on the name of the user model.
pub(super) const PROFILE_OWNER: &str = "user_id";

/// The tables whose names begin with the name of the users table.
pub(super) struct AccountTables {
    pub users: String,
    /// The groups of each user.
    pub groups: String,
    /// Permissions of a user that do not come from a group.
    pub permissions: String,
}

impl AccountTables {
    pub fn of(users_table: &str) -> AccountTables {
        AccountTables {
            users: users_table.to_owned(),
            groups: format!("{users_table}_groups"),
            permissions: format!("{users_table}_user_permissions"),
        }
    }

    pub fn names(&self) -> [&str; 7] {
        [&self.users, &self.groups, &self.permissions, GROUPS, PERMISSIONS, CONTENT_TYPES, PROFILES]
    }
}

/// The column of a table of links that names the user. It is named after the user model, such as
/// `user_id` or `customuser_id`. It is the column that is neither the link's own id nor the other
/// end.
pub(super) fn owner_column<'c>(
    columns: impl Iterator<Item = &'c str>,
    other_end: &str,
) -> Option<&'c str> {
    let mut columns: Vec<&str> = columns.collect();
    if !columns.contains(&other_end) {
        return None;
    }
    columns.retain(|column| *column != "id" && *column != other_end);
    match columns.as_slice() {
        [owner] => Some(owner),
        // The table has more columns than a plain table of links.
        several => several.iter().find(|column| **column == "user_id").copied(),
    }
}
