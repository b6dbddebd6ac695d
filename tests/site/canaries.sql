-- Every personal value of the sample site, with its kind and the column that holds it: none may be
-- in a database that the policy `local` made from it. Run against the unscrubbed database. Values
-- inside a text are cut out of it by their marks.

WITH clear (kind, place, value) AS (
    SELECT 'email', 'users_user.email', email FROM users_user WHERE email <> ''
    UNION ALL SELECT 'username', 'users_user.username', username FROM users_user
    UNION ALL SELECT 'name', 'users_user.last_name', first_name || ' ' || last_name FROM users_user
    UNION ALL SELECT 'secret', 'users_user.password', password FROM users_user
    UNION ALL SELECT 'file', 'wagtailusers_userprofile.avatar', avatar
                FROM wagtailusers_userprofile WHERE avatar <> ''
    UNION ALL SELECT 'file', 'wagtailcore_uploadedfile.file', file FROM wagtailcore_uploadedfile
    UNION ALL SELECT 'email', 'recruitment_jobalertsubscription.email', email
                FROM recruitment_jobalertsubscription
    UNION ALL SELECT 'secret', 'recruitment_jobalertsubscription.token', token
                FROM recruitment_jobalertsubscription
    UNION ALL SELECT 'email', 'blogs_blogalertsubscription.email', email
                FROM blogs_blogalertsubscription
    UNION ALL SELECT 'secret', 'blogs_blogalertsubscription.token', token
                FROM blogs_blogalertsubscription
    UNION ALL SELECT 'email', 'recruitment_talentlinkjob.contact_email', contact_email
                FROM recruitment_talentlinkjob
    UNION ALL SELECT 'secret', 'wagtailcore_pageviewrestriction.password', password
                FROM wagtailcore_pageviewrestriction WHERE password <> ''
    UNION ALL SELECT 'secret', 'wagtailcore_collectionviewrestriction.password', password
                FROM wagtailcore_collectionviewrestriction WHERE password <> ''
    UNION ALL SELECT 'session', 'django_session.session_data', session_data FROM django_session
    UNION ALL SELECT 'cache', 'database_cache.value', value FROM database_cache
    UNION ALL SELECT 'email', 'forms_formpage.to_address', regexp_split_to_table(to_address, ',')
                FROM forms_formpage
    UNION ALL SELECT 'email', 'forms_formpage.from_address', from_address FROM forms_formpage
), mixed (place, value) AS (
    SELECT 'wagtailforms_formsubmission.form_data', form_data::text FROM wagtailforms_formsubmission
    UNION ALL SELECT 'recruitment_jobalertsubscription.search', search
                FROM recruitment_jobalertsubscription
    UNION ALL SELECT 'feedback_feedbackcomment.action', action FROM feedback_feedbackcomment
    UNION ALL SELECT 'feedback_feedbackcomment.issue', issue FROM feedback_feedbackcomment
    UNION ALL SELECT 'wagtailsearchpromotions_query.query_string', query_string
                FROM wagtailsearchpromotions_query
    UNION ALL SELECT 'recruitment_talentlinkjob.description', description
                FROM recruitment_talentlinkjob
    UNION ALL SELECT 'wagtailcore_comment.text', text FROM wagtailcore_comment
    UNION ALL SELECT 'wagtailcore_commentreply.text', text FROM wagtailcore_commentreply
    UNION ALL SELECT 'wagtailcore_taskstate.comment', comment FROM wagtailcore_taskstate
    UNION ALL SELECT 'wagtailcore_revision.content', content::text FROM wagtailcore_revision
    UNION ALL SELECT 'wagtailcore_pagelogentry.data', data::text FROM wagtailcore_pagelogentry
    UNION ALL SELECT 'wagtailcore_modellogentry.label', label FROM wagtailcore_modellogentry
    UNION ALL SELECT 'django_admin_log.object_repr', object_repr FROM django_admin_log
    UNION ALL SELECT 'wagtailsearch_indexentry.body', body::text FROM wagtailsearch_indexentry
    UNION ALL SELECT 'postgres_search_indexentry.body_search', body_search::text
                FROM postgres_search_indexentry
), marks (kind, pattern) AS (
    VALUES ('email', '[[:alnum:]._+-]+@canary\.example'),
           ('name', '[[:alpha:]]+ [[:alpha:]'']+-Canary'),
           ('username', '[[:alpha:]]+-canary[0-9]+'),
           ('phone', '(?:\+44 7|07)700 ?900 ?[0-9]{3}'),
           ('nino', 'QQ ?[0-9]{2} ?[0-9]{2} ?[0-9]{2} ?[A-D]'),
           ('postcode', 'HP99 ?[0-9][A-Z]{2}')
)
SELECT kind, value, place FROM clear
UNION
SELECT m.kind, found.match[1], x.place
  FROM mixed x, marks m, regexp_matches(x.value, m.pattern, 'gi') AS found (match)
 ORDER BY place, kind, value;
