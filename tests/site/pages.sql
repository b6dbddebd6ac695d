-- The page tree of the sample site with what it publishes, its Site records and settings.

INSERT INTO wagtailcore_locale (id, language_code) VALUES (1, 'en');

-- Sections 3 to 10 are index pages, 11 the blog, 12 and 13 the two job sites; pages from 14 on
-- are spread over them.
CREATE TABLE sample.page AS
SELECT n AS id,
       CASE WHEN n = 1 THEN NULL WHEN n = 2 THEN 1 WHEN n <= 13 THEN 2
            WHEN kind = 'blogs.blogpostpage' THEN 11 ELSE 3 + n % 8 END AS parent,
       split_part(kind, '.', 1) AS app, split_part(kind, '.', 2) AS model,
       CASE WHEN n = 1 THEN 'Root' WHEN n = 2 THEN 'Sample Council'
            ELSE sample.pick('verb' || n, 'Apply for', 'Report', 'Pay for', 'Find', 'Contact us about')
                 || ' ' || sample.pick('noun' || n, 'a parking permit', 'fly-tipping', 'council tax',
                                       'a school place', 'housing', 'the register office')
                 || ' ' || n END AS title
  FROM generate_series(1, 400) n,
       LATERAL (SELECT CASE
           WHEN n = 1 THEN 'wagtailcore.page' WHEN n = 2 THEN 'home.homepage'
           WHEN n <= 10 THEN 'standardpages.indexpage' WHEN n = 11 THEN 'blogs.bloghomepage'
           WHEN n <= 13 THEN 'recruitment.recruitmenthomepage'
           WHEN n % 20 = 0 THEN 'forms.formpage' WHEN n % 40 = 8 THEN 'forms.lookuppage'
           WHEN n % 20 IN (1, 2) THEN 'location.locationpage'
           WHEN n % 20 IN (3, 4, 5) THEN 'news.newspage'
           WHEN n % 20 IN (6, 7) THEN 'blogs.blogpostpage'
           ELSE 'standardpages.informationpage' END) AS chosen (kind);

-- The tree's order is a path of four base-36 digits for each level.
CREATE FUNCTION sample.path_step(n bigint) RETURNS text LANGUAGE sql IMMUTABLE AS
$$ SELECT '00' || substr(digits, 1 + (n / 36)::integer, 1) || substr(digits, 1 + (n % 36)::integer, 1)
     FROM (VALUES ('0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ')) AS v (digits) $$;

CREATE TABLE sample.place AS
WITH RECURSIVE numbered AS (
    SELECT *, row_number() OVER (PARTITION BY parent ORDER BY id) AS position,
           trim(BOTH '-' FROM regexp_replace(lower(title), '[^a-z0-9]+', '-', 'g')) AS slug
      FROM sample.page
), tree AS (
    SELECT id, 1 AS depth, '0001' AS path, '/' AS url_path, slug FROM numbered WHERE parent IS NULL
    UNION ALL
    SELECT n.id, t.depth + 1, t.path || sample.path_step(n.position),
           t.url_path || CASE WHEN n.id = 2 THEN 'home' ELSE n.slug END || '/', n.slug
      FROM numbered n JOIN tree t ON t.id = n.parent
)
SELECT tree.*, (SELECT count(*) FROM sample.page c WHERE c.parent = tree.id) AS numchild FROM tree;

INSERT INTO wagtailcore_page (
    id, path, depth, numchild, title, slug, live, has_unpublished_changes, url_path, seo_title,
    show_in_menus, search_description, expired, content_type_id, owner_id, locked,
    first_published_at, last_published_at, draft_title, locked_at, locked_by_id, translation_key,
    locale_id, alias_of_id)
SELECT p.id, t.path, t.depth, t.numchild, p.title, t.slug, p.id % 15 <> 14, p.id % 10 = 3,
       t.url_path, '', p.id <= 13, sample.prose('description' || p.id, 1), false,
       sample.content_type(p.app, p.model), CASE WHEN p.id > 2 THEN 1 + p.id % 60 END,
       p.id % 50 = 17, sample.moment('published' || p.id), sample.moment('published' || p.id),
       p.title, CASE WHEN p.id % 50 = 17 THEN sample.moment('locked' || p.id) END,
       CASE WHEN p.id % 50 = 17 THEN 1 + p.id % 60 END, md5('translation' || p.id)::uuid, 1,
       CASE WHEN p.id = 399 THEN 398 END
  FROM sample.page p JOIN sample.place t USING (id);

INSERT INTO wagtailcore_site (id, hostname, port, is_default_site, root_page_id, site_name)
VALUES (1, 'www.sample-council.example', 80, true, 2, 'Sample Council'),
       (2, 'jobs.sample-council.example', 80, false, 12, 'Sample Council jobs'),
       (3, 'internaljobs.sample-council.example', 80, false, 13, 'Internal jobs'),
       (4, 'familyinfo.sample-council.example', 443, false, 3, 'Family information');

-- The tables of the page types. What all of them share comes from one expression.
CREATE FUNCTION sample.pages(app_label text, model_name text) RETURNS TABLE (
        id integer, social_text text, listing_title text, listing_summary text, redirect_to text,
        show_live_chat_client boolean, listing_image_id integer, social_image_id integer)
    LANGUAGE sql STABLE AS
$$ SELECT p.id, '', '', sample.prose('summary' || p.id, 1), '', p.id % 9 = 0,
          CASE WHEN p.id % 3 = 0 THEN 1 + p.id % 200 END, CASE WHEN p.id % 6 = 0 THEN 1 + p.id % 200 END
     FROM sample.page p WHERE p.app = app_label AND p.model = model_name $$;
\set shared 'social_text, listing_title, listing_summary, redirect_to, show_live_chat_client, listing_image_id, social_image_id'

INSERT INTO utils_calltoactionsnippet (id, title, link, summary, image_id)
SELECT n, 'Sign up ' || n, '[]', 'Questions? ' || sample.published_contact(n), n
  FROM generate_series(1, 5) n;

INSERT INTO home_homepage (page_ptr_id, :shared, strapline, hero_image_id, logo_id, call_to_action_id)
SELECT id, :shared, 'Everything in one place', 1, 2, 1 FROM sample.pages('home', 'homepage');

INSERT INTO standardpages_indexpage (page_ptr_id, :shared, introduction)
SELECT id, :shared, sample.prose('introduction' || id, 2)
  FROM sample.pages('standardpages', 'indexpage');

INSERT INTO standardpages_informationpage (page_ptr_id, :shared, body, display_contents, intro_text)
SELECT id, :shared, sample.stream(id, 4 + id % 5, sample.published_contact(id)), id % 2 = 0,
       sample.prose('introduction' || id, 1)
  FROM sample.pages('standardpages', 'informationpage');

INSERT INTO news_newspage (page_ptr_id, :shared, publication_date, introduction, body)
SELECT id, :shared, sample.moment('published' || id), sample.prose('introduction' || id, 1),
       sample.stream(id, 3 + id % 3, sample.published_contact(id))
  FROM sample.pages('news', 'newspage');

INSERT INTO blogs_blogpostpage (
    page_ptr_id, :shared, author, date_published, body, image_id, intro_text)
SELECT id, :shared, 'Councillor A. Published', sample.moment('published' || id)::date,
       sample.stream(id, 3, sample.published_contact(id)), 1 + id % 200, ''
  FROM sample.pages('blogs', 'blogpostpage');

INSERT INTO blogs_bloghomepage (
    page_ptr_id, :shared, about_title, about_description, about_page_id,
    featured_blogpost_image_id, featured_blogpost_page_id, facebook_page_url, linkedin_url,
    twitter_handle, youtube_channel_url)
SELECT id, :shared, 'About', '', 3, 5, (SELECT min(page_ptr_id) FROM blogs_blogpostpage),
       '', '', 'samplecouncil', ''
  FROM sample.pages('blogs', 'bloghomepage');

INSERT INTO location_locationpage (
    page_ptr_id, :shared, map_location, latlng, street_address_1, street_address_2, city, postcode,
    telephone, email_address, body, image_id, map_info_text, additional_info)
SELECT id, :shared, id || ' High Street', 'SRID=4326;POINT(-0.8' || id || ' 51.8)',
       id || ' High Street', '', 'Aylesbury', 'HP20 1UA',
       '01632 960' || lpad((id % 1000)::text, 3, '0'), 'place' || id || '@published.example',
       sample.stream(id, 2, sample.published_contact(id)), 1 + id % 200, NULL, '[]'
  FROM sample.pages('location', 'locationpage');

INSERT INTO forms_formpage (
    page_ptr_id, :shared, to_address, from_address, subject, introduction, thank_you_text,
    action_text, auto_delete, thank_you_heading)
SELECT id, :shared,
       sample.email(id) || CASE WHEN id % 40 = 0 THEN ',' || sample.email(id + 1) ELSE '' END,
       sample.email(id + 2), 'Form ' || id, sample.prose('introduction' || id, 1),
       '<p>Thank you.</p>', 'Send', 30, 'Thank you'
  FROM sample.pages('forms', 'formpage');

INSERT INTO forms_formfield (
    id, sort_order, label, field_type, required, choices, default_value, help_text, page_id,
    additional_text, clean_name)
SELECT row_number() OVER (), n, label, kind, n < 3, '', '', '', page_ptr_id, '',
       lower(replace(label, ' ', '_'))
  FROM forms_formpage,
       unnest(ARRAY['Full name', 'Email address', 'Telephone', 'Postcode', 'Tell us more'],
              ARRAY['singleline', 'email', 'singleline', 'singleline', 'multiline'])
       WITH ORDINALITY AS field (label, kind, n);

INSERT INTO forms_lookuppage (
    page_ptr_id, :shared, form_heading, input_label, input_help_text, action_text,
    no_match_message, start_again_text)
SELECT id, :shared, 'Find your bin day', 'Postcode', '', 'Find', 'Nothing found', 'Again'
  FROM sample.pages('forms', 'lookuppage');
INSERT INTO forms_postcodelookupresponse (
    id, answer, link_button_text, postcodes, link_page_id, page_id)
SELECT row_number() OVER (), 'Your area is ' || n, 'More',
       ARRAY['HP20 ' || n || 'UA', 'HP21 ' || n || 'UB'], 14 + n, page_ptr_id
  FROM forms_lookuppage, generate_series(1, 4) n;

INSERT INTO recruitment_recruitmenthomepage (
    page_ptr_id, :shared, hero_title, search_box_placeholder, body, hero_image_id, hero_link_text,
    job_board, hero_subtitle, recruitment_index_link_text)
SELECT id, :shared, 'Work with us', 'Search', '[]', 3, '',
       CASE id WHEN 12 THEN 'external' ELSE 'internal' END, '', ''
  FROM sample.pages('recruitment', 'recruitmenthomepage');

INSERT INTO alerts_alert (id, title, content, show_on, page_id, alert_level)
SELECT n, 'Roads closed ' || n, '<p>' || sample.published_contact(n) || '</p>', 'page_only', 14 + n, n
  FROM generate_series(1, 3) n;
INSERT INTO navigation_navigationsettings (id, footer_links, site_id, footer_columns, header_title)
SELECT id, '[]', id,
       jsonb_build_array(jsonb_build_object('type', 'column', 'value', jsonb_build_object(
           'heading', 'Contact', 'content', '<p>' || sample.published_contact(id) || '</p>'))), NULL
  FROM wagtailcore_site;
INSERT INTO utils_systemmessagessettings (
    id, title_404, body_404, site_id, body_no_search_results, search_cta_button, search_cta_title)
SELECT id, 'Page not found', '<p>' || sample.published_contact(id) || '</p>', id, '', '[]', ''
  FROM wagtailcore_site;

INSERT INTO wagtailredirects_redirect (
    id, old_path, is_permanent, redirect_link, redirect_page_id, site_id, automatically_created,
    created_at, redirect_page_route_path)
SELECT n, '/old/' || n, true, CASE WHEN n % 4 = 0 THEN 'https://elsewhere.example/' || n ELSE '' END,
       CASE WHEN n % 4 > 0 THEN 13 + n END, CASE WHEN n % 2 = 0 THEN 1 END, n % 3 = 0,
       sample.moment('redirect' || n), ''
  FROM generate_series(1, 150) n;
INSERT INTO wagtailembeds_embed (
    id, url, max_width, type, html, title, author_name, provider_name, thumbnail_url, width, height,
    last_updated, hash, cache_until)
SELECT n, 'https://video.example/watch?v=' || left(md5('video' || n), 11), NULL, 'video',
       '<iframe src="https://video.example/embed/' || n || '"></iframe>', 'Film ' || n,
       'Sample Council', 'Video', '', 480, 270, sample.moment('embed' || n), md5('embed' || n), NULL
  FROM generate_series(1, 20) n;
INSERT INTO search_term (id, canonical_term, synonyms)
VALUES (1, 'bin', '{rubbish,refuse,trash}'), (2, 'tip', '{"recycling centre",dump}');

INSERT INTO taggit_tag (id, name, slug) SELECT n, 'Tag ' || n, 'tag-' || n FROM generate_series(1, 20) n;
INSERT INTO taggit_taggeditem (id, object_id, content_type_id, tag_id)
SELECT n, n, sample.content_type('images', 'customimage'), 1 + n % 20 FROM generate_series(1, 120) n;
INSERT INTO wagtail_transfer_idmapping (uid, local_id, content_type_id)
SELECT md5('transfer' || n)::uuid, n::text, 1 FROM generate_series(2, 400) n;
INSERT INTO wagtail_transfer_importedfile (id, file, source_url, hash, size, created_at)
SELECT n, 'original_images/photo_' || n || '.jpg', 'https://prep.example/media/photo_' || n || '.jpg',
       md5('transferred' || n), 100000 + n, sample.moment('transferred' || n)
  FROM generate_series(1, 30) n;
INSERT INTO service_directory_directorymanagementapi (id, admin_name, is_enabled, api_url)
VALUES (1, 'Directory', true, 'https://directory.example/api/');
INSERT INTO service_directory_servicedirectory (
    id, frontend_url, admin_name, directory_api_url, directory_api_slug,
    directory_management_api_id)
VALUES (1, 'https://directory.example/', 'Family', 'https://directory.example/api/f/', 'family', 1);
INSERT INTO service_directory_taxonomy (
    id, label, level, remote_id, remote_slug, fetched_with_id, parent_id)
SELECT n, 'Topic ' || n, CASE WHEN n < 6 THEN 1 ELSE 2 END, 9000000000 + n, 'topic-' || n, 1,
       CASE WHEN n >= 6 THEN 1 + n % 5 END
  FROM generate_series(1, 40) n;
INSERT INTO family_information_ehcco (id, name, email)
SELECT n, 'Coordinator ' || n, 'coordinator' || n || '@published.example' FROM generate_series(1, 8) n;
INSERT INTO family_information_school (id, name, hub_email, ehc_co_id)
SELECT n, 'School ' || n, 'hub' || n || '@published.example', 1 + n % 8 FROM generate_series(1, 40) n;

INSERT INTO wagtailcore_grouppagepermission (id, group_id, page_id, permission_id)
SELECT row_number() OVER (), g.id, 2, p.id
  FROM auth_group g JOIN auth_permission p
    ON p.content_type_id = 1 AND p.codename IN ('add_page', 'change_page');
INSERT INTO wagtailcore_pageviewrestriction (id, password, page_id, restriction_type)
VALUES (1, 'canary-draft-budget', 40, 'password'), (2, '', 41, 'groups');
INSERT INTO wagtailcore_pageviewrestriction_groups (id, pageviewrestriction_id, group_id)
VALUES (1, 2, 1);
