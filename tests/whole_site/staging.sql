-- Turns a copy of production's database into staging's from some months ago: with content and
-- people that only staging has, and without production's later rows.

SET client_min_messages = warning;

-- Two people who only have an account on staging.
INSERT INTO users_user (id, password, is_superuser, username, first_name, last_name, email,
                        is_staff, is_active, date_joined)
VALUES (90001, 'pbkdf2_sha256$600000$staging$one', true, 'staging.tester', 'Stella', 'Tester',
        'staging.tester@torchbox.example', true, true, '2024-02-03 10:00:00+00'),
       (90002, 'pbkdf2_sha256$600000$staging$two', false, 'trainee', 'Tracy', 'Trainee',
        'trainee@council.example', true, true, '2024-03-04 10:00:00+00');

-- An image, a document and two pages that exist only on staging.
INSERT INTO images_customimage (
    id, title, file, width, height, created_at, file_size, collection_id, uploaded_by_user_id,
    file_hash, talentlink_image_id, description)
SELECT 90001, 'Tried out on staging', 'original_images/staging_only.jpg', 800, 600,
       '2024-05-06 10:00:00+00', 1234, min(id), 90001, md5('staging'), '', ''
  FROM wagtailcore_collection;
INSERT INTO documents_customdocument (
    id, title, file, created_at, collection_id, uploaded_by_user_id, file_size, file_hash)
SELECT 90001, 'Draft of a leaflet', 'documents/staging_only.pdf', '2024-05-06 10:00:00+00',
       min(id), 90002, 1234, md5('leaflet')
  FROM wagtailcore_collection;
CREATE TEMPORARY TABLE page AS
    SELECT * FROM wagtailcore_page WHERE depth = 3 ORDER BY id LIMIT 1;
UPDATE page SET (id, path, numchild, title, draft_title, slug, url_path, translation_key, owner_id,
                 live_revision_id, latest_revision_id, alias_of_id, locked, locked_by_id, locked_at)
    = (90001, left(path, length(path) - 4) || 'ZZZ0', 0, 'A page of staging only',
       'A page of staging only', 'staging-only', '/home/staging-only/', md5('one')::uuid, 90001,
       NULL, NULL, NULL, false, NULL, NULL);
INSERT INTO wagtailcore_page SELECT * FROM page;
UPDATE page SET (id, path, title, draft_title, slug, url_path, translation_key, live)
    = (90002, left(path, length(path) - 4) || 'ZZZ1', 'A draft of staging only',
       'A draft of staging only', 'staging-draft', '/home/staging-draft/', md5('two')::uuid, false);
INSERT INTO wagtailcore_page SELECT * FROM page;
DROP TABLE page;

-- Production got these later.
DELETE FROM wagtailforms_formsubmission WHERE id > (SELECT max(id) / 2 FROM wagtailforms_formsubmission);
DELETE FROM recruitment_jobalertsubscription
 WHERE id > (SELECT max(id) / 2 FROM recruitment_jobalertsubscription);
DELETE FROM feedback_feedbackcomment WHERE id > (SELECT max(id) / 2 FROM feedback_feedbackcomment);
UPDATE wagtailcore_page SET title = 'The old title of staging', draft_title = 'The old title of staging'
 WHERE id = (SELECT min(id) FROM wagtailcore_page WHERE depth = 3);
DELETE FROM django_session;

-- Staging's Sites have their own names. Each copy gets its own hosts and ports.
UPDATE wagtailcore_site SET site_name = 'Staging: ' || site_name;
