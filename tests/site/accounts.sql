-- Content types, migrations, groups and the staff of the sample site.

INSERT INTO django_content_type (id, app_label, model)
SELECT n, split_part(name, '.', 1), split_part(name, '.', 2)
  FROM unnest(ARRAY['wagtailcore.page', 'home.homepage', 'standardpages.indexpage',
                    'standardpages.informationpage', 'news.newspage', 'blogs.bloghomepage',
                    'blogs.blogpostpage', 'location.locationpage', 'forms.formpage',
                    'forms.lookuppage', 'recruitment.recruitmenthomepage', 'users.user',
                    'images.customimage', 'documents.customdocument', 'auth.group',
                    'auth.permission', 'wagtailcore.groupapprovaltask', 'wagtailcore.collection',
                    'recruitment.jobalertsubscription', 'wagtailadmin.admin'])
       WITH ORDINALITY AS listed (name, n);

CREATE FUNCTION sample.content_type(label text, model_name text) RETURNS integer
    LANGUAGE sql STABLE AS
$$ SELECT id FROM django_content_type WHERE app_label = label AND model = model_name $$;

INSERT INTO django_migrations (id, app, name, applied)
SELECT row_number() OVER (), app, lpad(n::text, 4, '0') || '_change', sample.moment(app || n)
  FROM unnest(ARRAY['contenttypes', 'auth', 'users', 'wagtailcore', 'home', 'forms', 'news',
                    'recruitment', 'feedback', 'sessions']) app, generate_series(1, 8) n;

INSERT INTO auth_group (id, name)
VALUES (1, 'Moderators'), (2, 'Editors'), (3, 'Form editors'), (4, 'Recruitment');

INSERT INTO auth_permission (id, name, content_type_id, codename)
SELECT row_number() OVER (ORDER BY t.id, verb), 'Can ' || verb || ' ' || t.model, t.id,
       verb || '_' || t.model
  FROM django_content_type t, unnest(ARRAY['add', 'change', 'delete', 'view']) verb;

INSERT INTO auth_group_permissions (id, group_id, permission_id)
SELECT row_number() OVER (), g.id, p.id
  FROM auth_group g JOIN auth_permission p ON p.id % 4 = g.id - 1;

-- Some usernames are addresses; addresses may be shared and may be missing.
INSERT INTO users_user (id, password, last_login, is_superuser, username, first_name, last_name,
                        email, is_staff, is_active, date_joined)
SELECT n, 'pbkdf2_sha256$600000$canary' || n || '$' || md5('hash' || n),
       CASE WHEN n % 9 > 0 THEN sample.moment('login' || n) END, n % 12 = 1,
       CASE WHEN n % 5 = 0 THEN sample.email(n)
            ELSE lower(replace(sample.last_name(n), '''', '')) || n END,
       sample.first_name(n), sample.last_name(n),
       CASE WHEN n % 20 = 7 THEN '' WHEN n % 20 = 9 THEN sample.email(n - 1)
            ELSE sample.email(n) END,
       true, n % 11 <> 3, sample.moment('joined' || n)
  FROM generate_series(1, 60) n;

INSERT INTO users_user_groups (id, user_id, group_id)
SELECT n, n, 1 + n % 4 FROM generate_series(1, 60) n;
INSERT INTO users_user_user_permissions (id, user_id, permission_id)
SELECT n, n * 3, n FROM generate_series(1, 10) n;

INSERT INTO wagtailusers_userprofile (
    id, submitted_notifications, approved_notifications, rejected_notifications, user_id,
    preferred_language, current_time_zone, avatar, updated_comments_notifications, dismissibles,
    theme, density, contrast)
SELECT n, true, true, n % 3 > 0, n, '', CASE WHEN n % 2 = 0 THEN 'Europe/London' ELSE '' END,
       CASE WHEN n % 6 = 0
            THEN 'avatar_images/' || lower(replace(sample.last_name(n), '''', '')) || '.jpg'
            ELSE '' END,
       true, CASE WHEN n % 4 = 0 THEN '{"whats-new-in-wagtail-version-7.0": true}' ELSE '{}' END
       ::jsonb, 'system', 'default', 'system'
  FROM generate_series(1, 60) n;

INSERT INTO wagtailcore_collection (id, path, depth, numchild, name)
VALUES (1, '0001', 1, 2, 'Root'), (2, '00010001', 2, 0, 'Recruitment'),
       (3, '00010002', 2, 0, 'Committee papers');
INSERT INTO wagtailcore_groupcollectionpermission (id, collection_id, group_id, permission_id)
SELECT row_number() OVER (), 1 + g.id % 3, g.id, p.id
  FROM auth_group g JOIN auth_permission p ON p.codename IN ('add_customimage', 'add_customdocument');
INSERT INTO wagtailcore_collectionviewrestriction (id, restriction_type, password, collection_id)
VALUES (1, 'password', 'canary-papers-2024', 3), (2, 'groups', '', 2);
INSERT INTO wagtailcore_collectionviewrestriction_groups
    (id, collectionviewrestriction_id, group_id) VALUES (1, 2, 4);

INSERT INTO images_customimage (
    id, title, file, width, height, created_at, focal_point_x, focal_point_y, focal_point_width,
    focal_point_height, file_size, collection_id, uploaded_by_user_id, file_hash,
    talentlink_image_id, description)
SELECT n, sample.pick('image' || n, 'Aylesbury market', 'High Wycombe library', 'The river Thames',
                      'Council chamber') || ' ' || n,
       'original_images/photo_' || n || '.jpg', 1600, 1067, sample.moment('image' || n),
       CASE WHEN n % 3 = 0 THEN 800 END, CASE WHEN n % 3 = 0 THEN 500 END,
       CASE WHEN n % 3 = 0 THEN 200 END, CASE WHEN n % 3 = 0 THEN 200 END,
       100000 + sample.number('size' || n, 900000), 1, 1 + n % 60, md5('image' || n), '', ''
  FROM generate_series(1, 200) n;

INSERT INTO images_rendition (id, filter_spec, file, width, height, focal_point_key, image_id)
SELECT row_number() OVER (), spec, 'images/photo_' || n || '.' || replace(spec, '|', '.') || '.jpg',
       400, 267, CASE WHEN n % 3 = 0 THEN left(md5('focal' || n), 8) ELSE '' END, n
  FROM generate_series(1, 200) n,
       unnest(ARRAY['fill-400x267', 'width-800', 'max-165x165', 'fill-1200x630|format-webp']) spec;

INSERT INTO documents_customdocument (
    id, title, file, created_at, collection_id, uploaded_by_user_id, file_size, file_hash,
    talentlink_attachment_id)
SELECT n, sample.pick('document' || n, 'Local plan, part', 'Budget', 'Minutes of meeting',
                      'Application form') || ' ' || n,
       'documents/document_' || n || '.pdf', sample.moment('document' || n), 1 + n % 3,
       1 + n % 60, 10000 + sample.number('document size' || n, 9000000), md5('document' || n),
       CASE WHEN n % 10 = 0 THEN n END
  FROM generate_series(1, 300) n;
