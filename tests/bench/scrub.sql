-- Does the work of bcops' manifest under the policy `local`, written by hand for one version of one
-- site. `scrub-pii` is compared with it. It checks nothing.
BEGIN;
TRUNCATE blogs_blogalertsubscription, database_cache, django_admin_log, django_session,
  feedback_feedbackcomment, postgres_search_indexentry, recruitment_jobalertsubscription,
  wagtailadmin_editingsession, wagtailcore_commentreply, wagtailcore_comment,
  wagtailcore_uploadedfile, wagtailforms_formsubmission, wagtailsearch_indexentry,
  wagtailsearchpromotions_querydailyhits;
UPDATE users_user SET username = 'user.' || id, first_name = 'User', last_name = id::text,
  email = 'user.' || id || '@example.invalid', password = '!removed', last_login = NULL;
UPDATE wagtailcore_modellogentry SET label = 'removed', data = '{}';
UPDATE wagtailcore_pagelogentry
  SET data = regexp_replace(regexp_replace(regexp_replace(regexp_replace((data - 'comment' - 'reply')::text,
    '[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+\.[A-Za-z]{2,}', '[email removed]', 'g'),
    '\m[A-CEGHJ-PR-TW-Z]{2} ?\d{2} ?\d{2} ?\d{2} ?[A-D]\M', '[number removed]', 'g'),
    '(\+44|\m0)[0-9() -]{8,13}\d\M', '[telephone number removed]', 'g'),
    '\m[A-Z]{1,2}\d[A-Z\d]? \d[A-Z]{2}\M', '[postcode removed]', 'g')::jsonb
  WHERE data::text ~ '[0-9@]' OR data ?| ARRAY['comment', 'reply'];
DELETE FROM wagtailcore_revision r
  WHERE NOT EXISTS (SELECT FROM wagtailcore_page p WHERE p.latest_revision_id = r.id)
    AND NOT EXISTS (SELECT FROM wagtailcore_page p WHERE p.live_revision_id = r.id);
UPDATE wagtailcore_revision
  SET content = (content - 'wagtail_admin_comments' - 'to_address' - 'from_address')
    || CASE WHEN jsonb_typeof(content -> 'form_fields') = 'array' THEN jsonb_build_object('form_fields',
         (SELECT coalesce(jsonb_agg(f - 'default_value'), '[]') FROM jsonb_array_elements(content -> 'form_fields') f))
       ELSE '{}' END
  WHERE content ?| ARRAY['wagtail_admin_comments', 'to_address', 'from_address', 'form_fields'];
DELETE FROM wagtailcore_taskstate t
  WHERE NOT EXISTS (SELECT FROM wagtailcore_revision r WHERE r.id = t.revision_id);
UPDATE wagtailcore_taskstate SET comment = '';
UPDATE wagtailcore_workflowstate w SET current_task_state_id = NULL
  WHERE current_task_state_id IS NOT NULL
    AND NOT EXISTS (SELECT FROM wagtailcore_taskstate t WHERE t.id = w.current_task_state_id);
DELETE FROM wagtailsearchpromotions_query q
  WHERE NOT EXISTS (SELECT FROM wagtailsearchpromotions_searchpromotion s WHERE s.query_id = q.id);
UPDATE wagtailusers_userprofile SET avatar = '' WHERE avatar <> '';
UPDATE forms_formfield SET default_value = regexp_replace(default_value,
  '[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+\.[A-Za-z]{2,}', '[email removed]', 'g') WHERE default_value ~ '[0-9@]';
UPDATE forms_formpage SET to_address = '', from_address = '';
UPDATE recruitment_talentlinkjob SET contact_email = 'recruitment@example.invalid',
  description = regexp_replace(regexp_replace(description,
    '[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+\.[A-Za-z]{2,}', '[email removed]', 'g'),
    '(\+44|\m0)[0-9() -]{8,13}\d\M', '[telephone number removed]', 'g');
UPDATE wagtailcore_pageviewrestriction SET password = 'password-removed';
UPDATE wagtailcore_collectionviewrestriction SET password = 'password-removed';
INSERT INTO birdbath_execution (date_executed) VALUES (now());
COMMIT;
