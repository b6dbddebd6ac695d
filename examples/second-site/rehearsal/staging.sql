-- Turns a copy of the library's database into its preview site's of some months ago.

SET client_min_messages = warning;

INSERT INTO auth_user (id, password, is_superuser, username, first_name, last_name, email,
                       is_staff, is_active, date_joined)
VALUES (90001, 'pbkdf2_sha256$600000$preview$one', true, 'preview.tester', 'Petra', 'Tester',
        'preview.tester@agency.example', true, true, '2024-02-03 10:00:00+00');

INSERT INTO wagtailimages_image (id, title, file, width, height, created_at, file_size,
                                 collection_id, uploaded_by_user_id, file_hash, description)
SELECT 90001, 'Tried out on the preview site', 'original_images/staging_only.jpg', 800, 600,
       '2024-05-06 10:00:00+00', 1234, min(id), 90001, md5('preview'), ''
  FROM wagtailcore_collection;
INSERT INTO wagtaildocs_document (id, title, file, created_at, collection_id, uploaded_by_user_id,
                                  file_size, file_hash)
SELECT 90001, 'Draft of a programme', 'documents/staging_only.pdf', '2024-05-06 10:00:00+00',
       min(id), 90001, 1234, md5('programme')
  FROM wagtailcore_collection;
CREATE TEMPORARY TABLE page AS
    SELECT * FROM wagtailcore_page WHERE depth = 3 ORDER BY id LIMIT 1;
UPDATE page SET (id, path, numchild, title, draft_title, slug, url_path, translation_key, owner_id,
                 live_revision_id, latest_revision_id)
    = (90001, left(path, length(path) - 4) || 'ZZZ0', 0, 'A page of the preview site only',
       'A page of the preview site only', 'preview-only', '/home/preview-only/', md5('one')::uuid,
       90001, NULL, NULL);
INSERT INTO wagtailcore_page SELECT * FROM page;
DROP TABLE page;

DELETE FROM wagtailforms_formsubmission WHERE id > 30;
DELETE FROM events_booking WHERE id > 30;
DELETE FROM django_session;
UPDATE wagtailcore_site SET site_name = 'Preview: ' || site_name;
