-- Revisions, comments, workflows and logs: many copies of every text.

ANALYZE;

-- Each page has two to twelve revisions; the newest is published or a draft. Contact data of staff
-- that was later removed from a page is still in its older revisions.
CREATE TABLE sample.revision AS
SELECT row_number() OVER (ORDER BY p.id, n) AS id, p.id AS page, n,
       n = last AS is_latest, n = CASE WHEN p.has_unpublished_changes THEN last - 1 ELSE last END AS is_live
  FROM wagtailcore_page p, LATERAL (SELECT 2 + p.id % 11) AS length (last), generate_series(1, last) n
 WHERE p.id > 1;

CREATE TABLE sample.comment AS
SELECT row_number() OVER (ORDER BY r.id) AS id, r.page, r.id AS revision, 1 + r.page % 60 AS author,
       sample.personal_note(1000 + r.page) AS text, sample.moment('comment' || r.page) AS written
  FROM sample.revision r WHERE r.is_latest AND r.page % 6 = 0;

INSERT INTO wagtailcore_revision (
    id, created_at, content, object_id, user_id, content_type_id, base_content_type_id, object_str)
SELECT r.id, sample.moment('page' || r.page) + make_interval(days => r.n::integer),
       to_jsonb(p) - '{id,content_type_id,owner_id,locked_by_id,latest_revision_id,live_revision_id,locale_id,alias_of_id}'::text[]
       || jsonb_build_object(
              'pk', p.id, 'content_type', p.content_type_id, 'owner', p.owner_id, 'locale', 1,
              'locked_by', p.locked_by_id, 'alias_of', p.alias_of_id,
              'live_revision', NULL, 'latest_revision', NULL,
              -- Django keeps a StreamField's value as text inside the revision.
              'body', coalesce(i.body, e.body, b.body, l.body, sample.stream(p.id, 1, ''))::text,
              'wagtail_admin_comments', coalesce(
                  (SELECT jsonb_agg(jsonb_build_object(
                              'pk', c.id, 'page', c.page, 'user', c.author, 'text', c.text,
                              'position', '', 'contentpath', 'body', 'resolved_at', NULL,
                              'created_at', c.written, 'updated_at', c.written,
                              'replies', jsonb_build_array(jsonb_build_object(
                                  'pk', c.id, 'comment', c.id, 'user', c.author,
                                  'text', sample.personal_note(2000 + c.page)))))
                     FROM sample.comment c WHERE c.page = p.id AND (r.is_latest OR r.n % 3 = 0)), '[]'))
       || CASE WHEN f.page_ptr_id IS NULL THEN '{}'
          ELSE jsonb_build_object('to_address', f.to_address, 'from_address', f.from_address) END
       || CASE WHEN r.is_latest OR r.is_live OR p.id % 5 > 0 THEN '{}'
          ELSE jsonb_build_object('author', sample.full_name(p.id), 'email_address', sample.email(p.id),
                                  'introduction', sample.personal_note(p.id)) END,
       p.id::text, 1 + r.id % 60, p.content_type_id, 1, p.title
  FROM sample.revision r JOIN wagtailcore_page p ON p.id = r.page
  LEFT JOIN standardpages_informationpage i ON i.page_ptr_id = p.id
  LEFT JOIN news_newspage e ON e.page_ptr_id = p.id
  LEFT JOIN blogs_blogpostpage b ON b.page_ptr_id = p.id
  LEFT JOIN location_locationpage l ON l.page_ptr_id = p.id
  LEFT JOIN forms_formpage f ON f.page_ptr_id = p.id;

UPDATE wagtailcore_page p
   SET latest_revision_id = latest.id, live_revision_id = CASE WHEN p.live THEN live.id END,
       latest_revision_created_at = (SELECT created_at FROM wagtailcore_revision WHERE id = latest.id)
  FROM sample.revision latest, sample.revision live
 WHERE latest.page = p.id AND latest.is_latest AND live.page = p.id AND live.is_live;

INSERT INTO wagtailcore_comment (
    id, text, contentpath, "position", created_at, updated_at, resolved_at, page_id,
    resolved_by_id, revision_created_id, user_id)
SELECT id, text, 'body', '', written, written, CASE WHEN id % 3 = 0 THEN written END, page,
       CASE WHEN id % 3 = 0 THEN author END, revision, author
  FROM sample.comment;
INSERT INTO wagtailcore_commentreply (id, text, created_at, updated_at, comment_id, user_id)
SELECT id, sample.personal_note(2000 + page), written, written, id, author FROM sample.comment;
INSERT INTO wagtailcore_pagesubscription (id, comment_notifications, page_id, user_id)
SELECT row_number() OVER (), true, page, author FROM sample.comment;

INSERT INTO wagtailcore_task (id, name, active, content_type_id)
VALUES (1, 'Moderators approval', true, sample.content_type('wagtailcore', 'groupapprovaltask'));
INSERT INTO wagtailcore_groupapprovaltask (task_ptr_id) VALUES (1);
INSERT INTO wagtailcore_groupapprovaltask_groups (id, groupapprovaltask_id, group_id) VALUES (1, 1, 1);
INSERT INTO wagtailcore_workflow (id, name, active) VALUES (1, 'Moderators approval', true);
INSERT INTO wagtailcore_workflowtask (id, sort_order, task_id, workflow_id) VALUES (1, 0, 1, 1);
INSERT INTO wagtailcore_workflowpage (page_id, workflow_id) VALUES (1, 1);

-- Every third workflow is over; the state points to its task and the task back to the state.
-- Nothing else points to the revision of a workflow.
INSERT INTO wagtailcore_workflowstate (
    id, status, created_at, current_task_state_id, object_id, requested_by_id, workflow_id,
    content_type_id, base_content_type_id)
SELECT p.id, CASE p.id % 3 WHEN 0 THEN 'approved' WHEN 1 THEN 'in_progress' ELSE 'needs_changes' END,
       sample.moment('workflow' || p.id), p.id, p.id::text, 1 + p.id % 60, 1, p.content_type_id, 1
  FROM wagtailcore_page p WHERE p.id % 4 = 0;
INSERT INTO wagtailcore_taskstate (
    id, status, started_at, finished_at, content_type_id, revision_id, task_id, workflow_state_id,
    finished_by_id, comment)
SELECT s.id, CASE s.id % 3 WHEN 0 THEN 'approved' WHEN 1 THEN 'in_progress' ELSE 'rejected' END,
       s.created_at, CASE WHEN s.id % 3 <> 1 THEN s.created_at + interval '2 days' END,
       sample.content_type('wagtailcore', 'groupapprovaltask'),
       CASE WHEN s.id % 8 = 0 THEN p.latest_revision_id ELSE p.latest_revision_id - 1 END, 1, s.id,
       CASE WHEN s.id % 3 <> 1 THEN 1 + s.id % 60 END,
       CASE WHEN s.id % 3 = 2 THEN sample.personal_note(3000 + s.id) ELSE '' END
  FROM wagtailcore_workflowstate s JOIN wagtailcore_page p ON p.id::text = s.object_id;

-- The page log keeps the text of comments, also of comments that were deleted later.
INSERT INTO wagtailcore_pagelogentry (
    id, label, action, data, "timestamp", content_changed, deleted, content_type_id, page_id,
    revision_id, user_id, uuid)
SELECT r.id, p.title, 'wagtail.' || made.action, made.data, sample.moment('log' || r.id),
       made.action IN ('edit', 'rename', 'publish'), false, p.content_type_id, p.id, r.id,
       CASE WHEN r.id % 17 > 0 THEN 1 + r.id % 70 END,
       CASE WHEN r.id % 5 > 0 THEN md5('request' || r.id)::uuid END
  FROM sample.revision r JOIN wagtailcore_page p ON p.id = r.page
  CROSS JOIN LATERAL (VALUES
       (0, 'comments.create', jsonb_build_object('comment', jsonb_build_object(
               'id', r.id, 'contentpath', 'body', 'text', sample.personal_note(4000 + r.id::integer)))),
       (1, 'comments.create_reply', jsonb_build_object(
               'comment', jsonb_build_object('id', r.id, 'contentpath', 'body',
                                             'text', sample.personal_note(4100 + r.id::integer)),
               'reply', jsonb_build_object('id', r.id, 'text', sample.personal_note(4200 + r.id::integer)))),
       (2, 'comments.delete', jsonb_build_object('comment', jsonb_build_object(
               'id', 90000 + r.id, 'contentpath', 'title',
               'text', sample.personal_note(4300 + r.id::integer)))),
       (3, 'workflow.reject', jsonb_build_object(
               'comment', sample.personal_note(4400 + r.id::integer),
               'workflow', jsonb_build_object('id', 1, 'next', NULL, 'title', 'Moderators approval',
                                              'status', 'in_progress', 'task_state_id', r.id))),
       (4, 'rename', jsonb_build_object('title', jsonb_build_object('new', p.title, 'old', 'Draft'))),
       (5, 'publish', jsonb_build_object('revision', jsonb_build_object(
               'id', r.id, 'created', '01 Jan 2025, 10:00 a.m.'))),
       (6, 'edit', '{}')) AS made (kind, action, data)
 WHERE made.kind = CASE WHEN r.id % 12 > 6 THEN 6 ELSE r.id % 12 END;

-- The log of other models holds old names of users, including deleted users.
INSERT INTO wagtailcore_modellogentry (
    id, label, action, data, "timestamp", content_changed, deleted, object_id, content_type_id,
    user_id, uuid)
SELECT n, CASE n % 4 WHEN 0 THEN (SELECT username FROM users_user WHERE id = 1 + n % 60)
                     WHEN 1 THEN sample.email(5000 + n)
                     WHEN 2 THEN 'Aylesbury market ' || n
                     ELSE 'JobAlertSubscription object (' || n || ')' END,
       'wagtail.' || (ARRAY['edit', 'delete', 'create', 'delete'])[1 + n % 4], '{}',
       sample.moment('model log' || n), n % 4 = 0, n % 4 IN (1, 3), n::text,
       CASE n % 4 WHEN 2 THEN sample.content_type('images', 'customimage')
                  WHEN 3 THEN sample.content_type('recruitment', 'jobalertsubscription')
                  ELSE sample.content_type('users', 'user') END,
       1 + n % 70, md5('model log' || n)::uuid
  FROM generate_series(1, 400) n;
INSERT INTO django_admin_log (
    id, action_time, object_id, object_repr, action_flag, change_message, content_type_id, user_id)
SELECT n, sample.moment('admin log' || n), (1 + n % 60)::text,
       (SELECT username FROM users_user WHERE id = 1 + n % 60), 1 + n % 3,
       '[{"changed": {"fields": ["Email address", "Last name"]}}]',
       sample.content_type('users', 'user'), 1 + n % 12
  FROM generate_series(1, 150) n;

INSERT INTO wagtailcore_referenceindex (
    id, object_id, to_object_id, model_path, content_path, content_path_hash,
    base_content_type_id, content_type_id, to_content_type_id)
SELECT row_number() OVER (), p.id::text, image::text, 'body.item', 'body.item.' || image,
       md5(p.id || 'reference' || image)::uuid, 1, p.content_type_id,
       sample.content_type('images', 'customimage')
  FROM wagtailcore_page p, generate_series(1, 1 + p.id % 8) image WHERE p.id > 2;
INSERT INTO wagtailadmin_editingsession (
    id, object_id, last_seen_at, content_type_id, user_id, is_editing)
SELECT n, (13 + n)::text, sample.moment('editing' || n), 1, 1 + n % 60, n % 2 = 0
  FROM generate_series(1, 30) n;
INSERT INTO wagtailcore_uploadedfile (id, file, for_content_type_id, uploaded_by_user_id)
SELECT n, 'wagtail_uploads/' || lower(replace(sample.last_name(n), '''', '')) || '_cv.pdf', 1, n
  FROM generate_series(1, 6) n;

-- Search indices hold current and old words of pages.
INSERT INTO wagtailsearch_indexentry (
    id, object_id, title_norm, content_type_id, autocomplete, title, body)
SELECT p.id, p.id::text, 1.0, p.content_type_id, to_tsvector('simple', p.title),
       setweight(to_tsvector('english', p.title), 'B'),
       to_tsvector('english', p.search_description
                              || CASE WHEN p.id % 5 = 0 THEN sample.personal_note(p.id) ELSE '' END)
  FROM wagtailcore_page p;
INSERT INTO postgres_search_indexentry (id, object_id, body_search, content_type_id, autocomplete)
SELECT p.id, p.id::text,
       CASE WHEN p.id % 8 > 0 THEN to_tsvector('english', sample.email(p.id) || ' '
                                   || sample.telephone(p.id) || ' ' || p.search_description) END,
       p.content_type_id, to_tsvector('simple', p.title)
  FROM wagtailcore_page p WHERE p.id <= 200;
