-- The schema of the sample site: the tables of a Wagtail site of a council that matter to bcops,
-- with the names and types that Django gives them. keys.sql has the foreign keys and indexes.

-- Heroku keeps extensions in a schema of its own, which its backups do not create.
SELECT count(*) > 0 AS has_statistics FROM pg_available_extensions
 WHERE name = 'pg_stat_statements' \gset
\if :has_statistics
CREATE SCHEMA heroku_ext;
CREATE EXTENSION pg_stat_statements WITH SCHEMA heroku_ext;
\endif

-- Shared by nearly all page types.
\set promotion_columns 'social_text varchar(255) NOT NULL, listing_title varchar(255) NOT NULL, listing_summary varchar(255) NOT NULL, redirect_to varchar(200) NOT NULL, show_live_chat_client boolean NOT NULL, listing_image_id integer, social_image_id integer'

-- Django.

CREATE TABLE django_content_type (
    id serial PRIMARY KEY, app_label varchar(100) NOT NULL, model varchar(100) NOT NULL,
    CONSTRAINT django_content_type_app_label_model_76bd3d3b_uniq UNIQUE (app_label, model)
);
CREATE TABLE django_migrations (
    id serial PRIMARY KEY, app varchar(255) NOT NULL, name varchar(255) NOT NULL,
    applied timestamptz NOT NULL
);
CREATE TABLE django_session (
    session_key varchar(40) PRIMARY KEY, session_data text NOT NULL,
    expire_date timestamptz NOT NULL
);
CREATE TABLE django_admin_log (
    id serial PRIMARY KEY, action_time timestamptz NOT NULL, object_id text,
    object_repr varchar(200) NOT NULL, action_flag smallint NOT NULL, change_message text NOT NULL,
    content_type_id integer, user_id integer NOT NULL, CHECK (action_flag >= 0)
);

-- Accounts.

CREATE TABLE auth_group (
    id serial PRIMARY KEY, name varchar(150) NOT NULL UNIQUE
);
CREATE TABLE auth_permission (
    id serial PRIMARY KEY, name varchar(255) NOT NULL, content_type_id integer NOT NULL,
    codename varchar(100) NOT NULL,
    CONSTRAINT auth_permission_content_type_id_codename_01ab375a_uniq
        UNIQUE (content_type_id, codename)
);
CREATE TABLE auth_group_permissions (
    id serial PRIMARY KEY, group_id integer NOT NULL, permission_id integer NOT NULL,
    CONSTRAINT auth_group_permissions_group_id_permission_id_0cd325b0_uniq
        UNIQUE (group_id, permission_id)
);
CREATE TABLE users_user (
    id serial PRIMARY KEY, password varchar(128) NOT NULL, last_login timestamptz,
    is_superuser boolean NOT NULL, username varchar(150) NOT NULL UNIQUE,
    first_name varchar(150) NOT NULL, last_name varchar(150) NOT NULL, email varchar(254) NOT NULL,
    is_staff boolean NOT NULL, is_active boolean NOT NULL, date_joined timestamptz NOT NULL
);
CREATE TABLE users_user_groups (
    id serial PRIMARY KEY, user_id integer NOT NULL, group_id integer NOT NULL,
    CONSTRAINT users_user_groups_user_id_group_id_b88eab82_uniq UNIQUE (user_id, group_id)
);
CREATE TABLE users_user_user_permissions (
    id serial PRIMARY KEY, user_id integer NOT NULL, permission_id integer NOT NULL,
    CONSTRAINT users_user_user_permissions_user_id_permission_id_43338c45_uniq
        UNIQUE (user_id, permission_id)
);

-- Wagtail: pages, revisions, workflows, permissions.

CREATE TABLE wagtailcore_locale (
    id serial PRIMARY KEY, language_code varchar(100) NOT NULL UNIQUE
);
CREATE TABLE wagtailcore_collection (
    id serial PRIMARY KEY, path varchar(255) NOT NULL UNIQUE, depth integer NOT NULL,
    numchild integer NOT NULL, name varchar(255) NOT NULL, CHECK (depth >= 0), CHECK (numchild >= 0)
);
CREATE TABLE wagtailcore_page (
    id serial PRIMARY KEY, path varchar(255) NOT NULL UNIQUE, depth integer NOT NULL,
    numchild integer NOT NULL, title varchar(255) NOT NULL, slug varchar(255) NOT NULL,
    live boolean NOT NULL, has_unpublished_changes boolean NOT NULL, url_path text NOT NULL,
    seo_title varchar(255) NOT NULL, show_in_menus boolean NOT NULL,
    search_description text NOT NULL, go_live_at timestamptz, expire_at timestamptz,
    expired boolean NOT NULL, content_type_id integer NOT NULL, owner_id integer,
    locked boolean NOT NULL, latest_revision_created_at timestamptz, first_published_at timestamptz,
    live_revision_id integer, last_published_at timestamptz, draft_title varchar(255) NOT NULL,
    locked_at timestamptz, locked_by_id integer, translation_key uuid NOT NULL,
    locale_id integer NOT NULL, alias_of_id integer, latest_revision_id integer, CHECK (depth >= 0),
    CHECK (numchild >= 0),
    CONSTRAINT wagtailcore_page_translation_key_locale_id_9b041bad_uniq
        UNIQUE (translation_key, locale_id)
);
CREATE TABLE wagtailcore_revision (
    id serial PRIMARY KEY, created_at timestamptz NOT NULL, content jsonb NOT NULL,
    approved_go_live_at timestamptz, object_id varchar(255) NOT NULL, user_id integer,
    content_type_id integer NOT NULL, base_content_type_id integer NOT NULL,
    object_str text NOT NULL
);
CREATE TABLE wagtailcore_site (
    id serial PRIMARY KEY, hostname varchar(255) NOT NULL, port integer NOT NULL,
    is_default_site boolean NOT NULL, root_page_id integer NOT NULL,
    site_name varchar(255) NOT NULL,
    CONSTRAINT wagtailcore_site_hostname_port_2c626d70_uniq UNIQUE (hostname, port)
);
CREATE TABLE wagtailcore_comment (
    id serial PRIMARY KEY, text text NOT NULL, contentpath text NOT NULL, "position" text NOT NULL,
    created_at timestamptz NOT NULL, updated_at timestamptz NOT NULL, resolved_at timestamptz,
    page_id integer NOT NULL, resolved_by_id integer, revision_created_id integer,
    user_id integer NOT NULL
);
CREATE TABLE wagtailcore_commentreply (
    id serial PRIMARY KEY, text text NOT NULL, created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL, comment_id integer NOT NULL, user_id integer NOT NULL
);
CREATE TABLE wagtailcore_pagelogentry (
    id serial PRIMARY KEY, label text NOT NULL, action varchar(255) NOT NULL, data jsonb NOT NULL,
    "timestamp" timestamptz NOT NULL, content_changed boolean NOT NULL, deleted boolean NOT NULL,
    content_type_id integer, page_id integer NOT NULL, revision_id integer, user_id integer,
    uuid uuid
);
CREATE TABLE wagtailcore_modellogentry (
    id serial PRIMARY KEY, label text NOT NULL, action varchar(255) NOT NULL, data jsonb NOT NULL,
    "timestamp" timestamptz NOT NULL, content_changed boolean NOT NULL, deleted boolean NOT NULL,
    object_id varchar(255) NOT NULL, content_type_id integer, user_id integer, uuid uuid,
    revision_id integer
);
CREATE TABLE wagtailcore_workflow (
    id serial PRIMARY KEY, name varchar(255) NOT NULL, active boolean NOT NULL
);
CREATE TABLE wagtailcore_task (
    id serial PRIMARY KEY, name varchar(255) NOT NULL, active boolean NOT NULL,
    content_type_id integer NOT NULL
);
CREATE TABLE wagtailcore_workflowtask (
    id serial PRIMARY KEY, sort_order integer, task_id integer NOT NULL,
    workflow_id integer NOT NULL,
    CONSTRAINT wagtailcore_workflowtask_workflow_id_task_id_4ec7a62b_uniq
        UNIQUE (workflow_id, task_id)
);
CREATE TABLE wagtailcore_workflowpage (
    page_id integer PRIMARY KEY, workflow_id integer NOT NULL
);
CREATE TABLE wagtailcore_workflowcontenttype (
    content_type_id integer PRIMARY KEY, workflow_id integer NOT NULL
);
CREATE TABLE wagtailcore_groupapprovaltask (
    task_ptr_id integer PRIMARY KEY
);
CREATE TABLE wagtailcore_groupapprovaltask_groups (
    id serial PRIMARY KEY, groupapprovaltask_id integer NOT NULL, group_id integer NOT NULL,
    CONSTRAINT wagtailcore_groupapprova_groupapprovaltask_id_gro_bb5ee7eb_uniq
        UNIQUE (groupapprovaltask_id, group_id)
);
CREATE TABLE wagtailcore_workflowstate (
    id serial PRIMARY KEY, status varchar(50) NOT NULL, created_at timestamptz NOT NULL,
    current_task_state_id integer UNIQUE, object_id varchar(255) NOT NULL, requested_by_id integer,
    workflow_id integer NOT NULL, content_type_id integer NOT NULL,
    base_content_type_id integer NOT NULL
);
CREATE TABLE wagtailcore_taskstate (
    id serial PRIMARY KEY, status varchar(50) NOT NULL, started_at timestamptz NOT NULL,
    finished_at timestamptz, content_type_id integer NOT NULL, revision_id integer NOT NULL,
    task_id integer NOT NULL, workflow_state_id integer NOT NULL, finished_by_id integer,
    comment text NOT NULL
);
CREATE TABLE wagtailcore_pageviewrestriction (
    id serial PRIMARY KEY, password varchar(255) NOT NULL, page_id integer NOT NULL,
    restriction_type varchar(20) NOT NULL
);
CREATE TABLE wagtailcore_pageviewrestriction_groups (
    id serial PRIMARY KEY, pageviewrestriction_id integer NOT NULL, group_id integer NOT NULL,
    CONSTRAINT wagtailcore_pageviewrest_pageviewrestriction_id_g_d23f80bb_uniq
        UNIQUE (pageviewrestriction_id, group_id)
);
CREATE TABLE wagtailcore_collectionviewrestriction (
    id serial PRIMARY KEY, restriction_type varchar(20) NOT NULL, password varchar(255) NOT NULL,
    collection_id integer NOT NULL
);
CREATE TABLE wagtailcore_collectionviewrestriction_groups (
    id serial PRIMARY KEY, collectionviewrestriction_id integer NOT NULL, group_id integer NOT NULL,
    CONSTRAINT wagtailcore_collectionvi_collectionviewrestrictio_988995ae_uniq
        UNIQUE (collectionviewrestriction_id, group_id)
);
CREATE TABLE wagtailcore_grouppagepermission (
    id serial PRIMARY KEY, group_id integer NOT NULL, page_id integer NOT NULL,
    permission_id integer NOT NULL,
    CONSTRAINT unique_permission UNIQUE (group_id, page_id, permission_id)
);
CREATE TABLE wagtailcore_groupcollectionpermission (
    id serial PRIMARY KEY, collection_id integer NOT NULL, group_id integer NOT NULL,
    permission_id integer NOT NULL,
    CONSTRAINT wagtailcore_groupcollect_group_id_collection_id_p_a21cefe9_uniq
        UNIQUE (group_id, collection_id, permission_id)
);
CREATE TABLE wagtailcore_pagesubscription (
    id serial PRIMARY KEY, comment_notifications boolean NOT NULL, page_id integer NOT NULL,
    user_id integer NOT NULL,
    CONSTRAINT wagtailcore_pagesubscription_page_id_user_id_0cef73ed_uniq UNIQUE (page_id, user_id)
);
CREATE TABLE wagtailcore_referenceindex (
    id serial PRIMARY KEY, object_id varchar(255) NOT NULL, to_object_id varchar(255) NOT NULL,
    model_path text NOT NULL, content_path text NOT NULL, content_path_hash uuid NOT NULL,
    base_content_type_id integer NOT NULL, content_type_id integer NOT NULL,
    to_content_type_id integer NOT NULL,
    CONSTRAINT wagtailcore_referenceind_base_content_type_id_obj_9e6ccd6a_uniq
        UNIQUE (base_content_type_id, object_id, to_content_type_id, to_object_id,
                content_path_hash)
);
CREATE TABLE wagtailcore_uploadedfile (
    id integer GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY, file varchar(200) NOT NULL,
    for_content_type_id integer, uploaded_by_user_id integer
);

-- Wagtail: the other applications.

CREATE TABLE wagtailadmin_editingsession (
    id integer GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY, object_id varchar(255) NOT NULL,
    last_seen_at timestamptz NOT NULL, content_type_id integer NOT NULL, user_id integer NOT NULL,
    is_editing boolean NOT NULL
);
CREATE TABLE wagtailusers_userprofile (
    id serial PRIMARY KEY, submitted_notifications boolean NOT NULL,
    approved_notifications boolean NOT NULL, rejected_notifications boolean NOT NULL,
    user_id integer NOT NULL UNIQUE, preferred_language varchar(10) NOT NULL,
    current_time_zone varchar(40) NOT NULL, avatar varchar(100) NOT NULL,
    updated_comments_notifications boolean NOT NULL, dismissibles jsonb NOT NULL,
    theme varchar(40) NOT NULL, density varchar(40) NOT NULL, contrast varchar(40) NOT NULL
);
CREATE TABLE wagtailforms_formsubmission (
    id serial PRIMARY KEY, form_data jsonb NOT NULL, submit_time timestamptz NOT NULL,
    page_id integer NOT NULL
);
CREATE TABLE wagtailembeds_embed (
    id serial PRIMARY KEY, url text NOT NULL, max_width smallint, type varchar(10) NOT NULL,
    html text NOT NULL, title text NOT NULL, author_name text NOT NULL, provider_name text NOT NULL,
    thumbnail_url text NOT NULL, width integer, height integer, last_updated timestamptz NOT NULL,
    hash varchar(32) NOT NULL UNIQUE, cache_until timestamptz
);
CREATE TABLE wagtailredirects_redirect (
    id serial PRIMARY KEY, old_path varchar(255) NOT NULL, is_permanent boolean NOT NULL,
    redirect_link varchar(255) NOT NULL, redirect_page_id integer, site_id integer,
    automatically_created boolean NOT NULL, created_at timestamptz,
    redirect_page_route_path varchar(255) NOT NULL,
    CONSTRAINT wagtailredirects_redirect_old_path_site_id_783622d7_uniq UNIQUE (old_path, site_id)
);
CREATE TABLE wagtailsearch_indexentry (
    id serial PRIMARY KEY, object_id varchar(50) NOT NULL, title_norm double precision NOT NULL,
    content_type_id integer NOT NULL, autocomplete tsvector NOT NULL, title tsvector NOT NULL,
    body tsvector NOT NULL,
    CONSTRAINT wagtailsearch_indexentry_content_type_id_object_i_bcd7ba73_uniq
        UNIQUE (content_type_id, object_id)
);
CREATE TABLE wagtailsearchpromotions_query (
    id serial PRIMARY KEY, query_string varchar(255) NOT NULL UNIQUE
);
CREATE TABLE wagtailsearchpromotions_querydailyhits (
    id serial PRIMARY KEY, date date NOT NULL, hits integer NOT NULL, query_id integer NOT NULL,
    CONSTRAINT wagtailsearchpromotions__query_id_date_b9f15515_uniq UNIQUE (query_id, date)
);
CREATE TABLE wagtailsearchpromotions_searchpromotion (
    id serial PRIMARY KEY, sort_order integer, description text NOT NULL, page_id integer,
    query_id integer NOT NULL, external_link_text varchar(200),
    external_link_url varchar(200) NOT NULL
);
CREATE TABLE wagtailimages_image (
    id serial PRIMARY KEY, title varchar(255) NOT NULL, file varchar(100) NOT NULL,
    width integer NOT NULL, height integer NOT NULL, created_at timestamptz NOT NULL,
    focal_point_x integer, focal_point_y integer, focal_point_width integer,
    focal_point_height integer, uploaded_by_user_id integer, file_size integer,
    collection_id integer NOT NULL, file_hash varchar(40) NOT NULL,
    description varchar(255) NOT NULL, CHECK (file_size >= 0), CHECK (focal_point_height >= 0),
    CHECK (focal_point_width >= 0), CHECK (focal_point_x >= 0), CHECK (focal_point_y >= 0)
);
CREATE TABLE wagtailimages_rendition (
    id serial PRIMARY KEY, file varchar(100) NOT NULL, width integer NOT NULL,
    height integer NOT NULL, focal_point_key varchar(16) NOT NULL,
    filter_spec varchar(255) NOT NULL, image_id integer NOT NULL,
    CONSTRAINT wagtailimages_rendition_image_id_filter_spec_foc_323c8fe0_uniq
        UNIQUE (image_id, filter_spec, focal_point_key)
);
CREATE TABLE wagtaildocs_document (
    id serial PRIMARY KEY, title varchar(255) NOT NULL, file varchar(100) NOT NULL,
    created_at timestamptz NOT NULL, uploaded_by_user_id integer, collection_id integer NOT NULL,
    file_size bigint, file_hash varchar(40) NOT NULL, CHECK (file_size >= 0)
);
CREATE TABLE wagtail_transfer_idmapping (
    uid uuid PRIMARY KEY, local_id varchar(255) NOT NULL, content_type_id integer NOT NULL,
    CONSTRAINT wagtail_transfer_idmappi_content_type_id_local_id_c1370e9e_uniq
        UNIQUE (content_type_id, local_id)
);
CREATE TABLE wagtail_transfer_importedfile (
    id serial PRIMARY KEY, file varchar(100) NOT NULL, source_url varchar(1000) NOT NULL,
    hash varchar(40) NOT NULL, size integer NOT NULL, created_at timestamptz NOT NULL,
    CHECK (size >= 0)
);
CREATE TABLE taggit_tag (
    id serial PRIMARY KEY, name varchar(100) NOT NULL UNIQUE, slug varchar(100) NOT NULL UNIQUE
);
CREATE TABLE taggit_taggeditem (
    id serial PRIMARY KEY, object_id integer NOT NULL, content_type_id integer NOT NULL,
    tag_id integer NOT NULL,
    CONSTRAINT taggit_taggeditem_content_type_id_object_id_tag_id_4bb97a8e_uni
        UNIQUE (content_type_id, object_id, tag_id)
);

-- The site's own images and documents.

CREATE TABLE images_customimage (
    id serial PRIMARY KEY, title varchar(255) NOT NULL, file varchar(100) NOT NULL,
    width integer NOT NULL, height integer NOT NULL, created_at timestamptz NOT NULL,
    focal_point_x integer, focal_point_y integer, focal_point_width integer,
    focal_point_height integer, file_size integer, collection_id integer NOT NULL,
    uploaded_by_user_id integer, file_hash varchar(40) NOT NULL, talentlink_image_id text NOT NULL,
    description varchar(255) NOT NULL, CHECK (file_size >= 0), CHECK (focal_point_height >= 0),
    CHECK (focal_point_width >= 0), CHECK (focal_point_x >= 0), CHECK (focal_point_y >= 0)
);
CREATE TABLE images_rendition (
    id serial PRIMARY KEY, filter_spec varchar(255) NOT NULL, file varchar(100) NOT NULL,
    width integer NOT NULL, height integer NOT NULL, focal_point_key varchar(16) NOT NULL,
    image_id integer NOT NULL,
    CONSTRAINT images_rendition_image_id_filter_spec_foc_9fc05dce_uniq
        UNIQUE (image_id, filter_spec, focal_point_key)
);
CREATE TABLE documents_customdocument (
    id serial PRIMARY KEY, title varchar(255) NOT NULL, file varchar(100) NOT NULL,
    created_at timestamptz NOT NULL, collection_id integer NOT NULL, uploaded_by_user_id integer,
    file_size bigint, file_hash varchar(40) NOT NULL, talentlink_attachment_id integer,
    CHECK (file_size >= 0)
);

-- Page types.

CREATE TABLE home_homepage (
    page_ptr_id integer PRIMARY KEY, call_to_action_id integer, :promotion_columns,
    strapline varchar(255) NOT NULL, hero_image_id integer, logo_id integer
);
CREATE TABLE standardpages_indexpage (
    page_ptr_id integer PRIMARY KEY, :promotion_columns, introduction text NOT NULL
);
CREATE TABLE standardpages_informationpage (
    page_ptr_id integer PRIMARY KEY, :promotion_columns, body jsonb NOT NULL,
    display_contents boolean NOT NULL, intro_text text NOT NULL
);
CREATE TABLE news_newspage (
    page_ptr_id integer PRIMARY KEY, :promotion_columns, publication_date timestamptz,
    introduction text NOT NULL, body jsonb NOT NULL
);
CREATE TABLE blogs_bloghomepage (
    page_ptr_id integer PRIMARY KEY, :promotion_columns, about_title text NOT NULL,
    about_description text NOT NULL, about_page_id integer, featured_blogpost_image_id integer,
    featured_blogpost_page_id integer, facebook_page_url varchar(255) NOT NULL,
    linkedin_url varchar(255) NOT NULL, twitter_handle varchar(255) NOT NULL,
    youtube_channel_url varchar(200) NOT NULL
);
CREATE TABLE blogs_blogpostpage (
    page_ptr_id integer PRIMARY KEY, :promotion_columns, author text NOT NULL,
    date_published date NOT NULL, body jsonb NOT NULL, image_id integer, intro_text text NOT NULL
);
CREATE TABLE location_locationpage (
    page_ptr_id integer PRIMARY KEY, :promotion_columns, map_location text NOT NULL,
    latlng varchar(250) NOT NULL, street_address_1 varchar(255) NOT NULL,
    street_address_2 varchar(255) NOT NULL, city varchar(255) NOT NULL,
    postcode varchar(255) NOT NULL, telephone varchar(16) NOT NULL,
    email_address varchar(254) NOT NULL, body jsonb NOT NULL, image_id integer, map_info_text text,
    additional_info jsonb NOT NULL
);
CREATE TABLE forms_formpage (
    page_ptr_id integer PRIMARY KEY, :promotion_columns, to_address varchar(255) NOT NULL,
    from_address varchar(255) NOT NULL, subject varchar(255) NOT NULL, introduction text NOT NULL,
    thank_you_text text NOT NULL, action_text varchar(32) NOT NULL, auto_delete integer NOT NULL,
    thank_you_heading varchar(200) NOT NULL, CHECK (auto_delete >= 0)
);
CREATE TABLE forms_lookuppage (
    page_ptr_id integer PRIMARY KEY, :promotion_columns, form_heading text NOT NULL,
    input_label varchar(255) NOT NULL, input_help_text varchar(255) NOT NULL,
    action_text varchar(32) NOT NULL, no_match_message varchar(255) NOT NULL,
    start_again_text varchar(255) NOT NULL
);
CREATE TABLE recruitment_recruitmenthomepage (
    page_ptr_id integer PRIMARY KEY, :promotion_columns, hero_title varchar(255) NOT NULL,
    search_box_placeholder varchar(255) NOT NULL, body jsonb NOT NULL, hero_image_id integer,
    hero_link_text varchar(255) NOT NULL, job_board varchar(20) NOT NULL UNIQUE, awards_id integer,
    media_id integer, hero_subtitle varchar(255) NOT NULL,
    related_recruitment_index_page_id integer, recruitment_index_link_text varchar(255) NOT NULL
);

-- The site's own data.

CREATE TABLE forms_formfield (
    id serial PRIMARY KEY, sort_order integer, label varchar(255) NOT NULL,
    field_type varchar(16) NOT NULL, required boolean NOT NULL, choices text NOT NULL,
    default_value text NOT NULL, help_text varchar(255) NOT NULL, page_id integer NOT NULL,
    additional_text text NOT NULL, clean_name varchar(255) NOT NULL
);
CREATE TABLE forms_postcodelookupresponse (
    id serial PRIMARY KEY, answer text NOT NULL, link_button_text varchar(32) NOT NULL,
    postcodes varchar(10)[] NOT NULL, link_page_id integer NOT NULL, page_id integer NOT NULL
);
CREATE TABLE blogs_blogalertsubscription (
    id serial PRIMARY KEY, email varchar(254) NOT NULL, confirmed boolean NOT NULL,
    created timestamptz NOT NULL, token varchar(255) NOT NULL UNIQUE, homepage_id integer
);
CREATE TABLE blogs_notificationrecord (
    id serial PRIMARY KEY, was_sent boolean NOT NULL, "timestamp" timestamptz NOT NULL,
    blog_post_id integer NOT NULL
);
CREATE TABLE feedback_feedbackcomment (
    id serial PRIMARY KEY, created timestamptz NOT NULL, action varchar(500) NOT NULL,
    issue varchar(500) NOT NULL, page_id integer, original_url varchar(2048) NOT NULL
);
CREATE TABLE feedback_usefulnessfeedback (
    id serial PRIMARY KEY, created timestamptz NOT NULL, useful boolean NOT NULL, page_id integer,
    original_url varchar(2048) NOT NULL
);
CREATE TABLE recruitment_jobcategory (
    id serial PRIMARY KEY, title varchar(128) NOT NULL, description text NOT NULL,
    slug varchar(255) NOT NULL, sort_order integer, is_schools_and_early_years boolean NOT NULL,
    icon varchar(20) NOT NULL
);
CREATE TABLE recruitment_jobsubcategory (
    id serial PRIMARY KEY, title varchar(128) NOT NULL UNIQUE
);
CREATE TABLE recruitment_talentlinkjob (
    id serial PRIMARY KEY, talentlink_id integer NOT NULL UNIQUE, job_number varchar(10) NOT NULL,
    title varchar(255) NOT NULL, description text NOT NULL, salary_range varchar(255) NOT NULL,
    working_hours varchar(255) NOT NULL, closing_date date NOT NULL, expected_start_date date,
    contact_email varchar(254) NOT NULL, searchable_salary varchar(255) NOT NULL,
    location_name varchar(255) NOT NULL, is_published boolean NOT NULL,
    posting_start_date timestamptz NOT NULL, posting_end_date timestamptz NOT NULL,
    show_apply_button boolean NOT NULL, created timestamptz NOT NULL,
    last_imported timestamptz NOT NULL, last_modified timestamptz NOT NULL,
    short_description text NOT NULL, subcategory_id integer,
    application_url_query varchar(255) NOT NULL, location_lat numeric(9,6),
    location_lon numeric(9,6), location_postcode varchar(8) NOT NULL,
    contract_type varchar(255) NOT NULL, interview_date date, logo_id integer, homepage_id integer,
    organisation text NOT NULL, location_city varchar(32) NOT NULL,
    location_country varchar(32) NOT NULL, location_region varchar(32) NOT NULL,
    location_street varchar(255) NOT NULL, location_street_number varchar(32) NOT NULL,
    dbs_check text NOT NULL
);
CREATE TABLE recruitment_talentlinkjob_attachments (
    id serial PRIMARY KEY, talentlinkjob_id integer NOT NULL, customdocument_id integer NOT NULL,
    CONSTRAINT recruitment_talentlinkjo_talentlinkjob_id_customd_e3b80e1d_uniq
        UNIQUE (talentlinkjob_id, customdocument_id)
);
CREATE TABLE recruitment_jobalertsubscription (
    id serial PRIMARY KEY, email varchar(254) NOT NULL, search text NOT NULL,
    confirmed boolean NOT NULL, created timestamptz NOT NULL, token varchar(255) NOT NULL UNIQUE,
    homepage_id integer
);
CREATE TABLE recruitment_jobalertnotificationtask (
    id serial PRIMARY KEY, started timestamptz NOT NULL, ended timestamptz,
    is_successful boolean NOT NULL
);
CREATE TABLE family_information_ehcco (
    id integer GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY, name varchar(255) NOT NULL,
    email varchar(254) NOT NULL
);
CREATE TABLE family_information_school (
    id integer GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY, name text NOT NULL,
    hub_email varchar NOT NULL, ehc_co_id integer
);
CREATE TABLE service_directory_directorymanagementapi (
    id integer GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY, admin_name varchar(128) NOT NULL,
    is_enabled boolean NOT NULL, api_url varchar(200) NOT NULL
);
CREATE TABLE service_directory_servicedirectory (
    id integer GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY, frontend_url varchar(200) NOT NULL,
    admin_name varchar(128) NOT NULL, directory_api_url varchar(200) NOT NULL,
    directory_api_slug varchar(255) NOT NULL, directory_management_api_id integer NOT NULL
);
CREATE TABLE service_directory_taxonomy (
    id integer GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY, label varchar(255) NOT NULL,
    level integer NOT NULL, remote_id bigint NOT NULL, remote_slug varchar(255) NOT NULL,
    fetched_with_id integer NOT NULL, parent_id integer,
    CONSTRAINT unique_remote_id_per_directory_management_api UNIQUE (fetched_with_id, remote_id)
);
CREATE TABLE alerts_alert (
    id serial PRIMARY KEY, title varchar(255) NOT NULL, content text NOT NULL,
    show_on varchar(20) NOT NULL, page_id integer, alert_level smallint NOT NULL
);
CREATE TABLE navigation_navigationsettings (
    id serial PRIMARY KEY, footer_links jsonb NOT NULL, site_id integer NOT NULL UNIQUE,
    footer_columns jsonb NOT NULL, header_title varchar(250)
);
CREATE TABLE utils_systemmessagessettings (
    id serial PRIMARY KEY, title_404 varchar(255) NOT NULL, body_404 text NOT NULL,
    site_id integer NOT NULL UNIQUE, body_no_search_results text NOT NULL,
    search_cta_button jsonb NOT NULL, search_cta_title varchar(255) NOT NULL,
    search_input_help_text text
);
CREATE TABLE utils_calltoactionsnippet (
    id serial PRIMARY KEY, title varchar(255) NOT NULL, link jsonb NOT NULL, summary text NOT NULL,
    image_id integer
);
CREATE TABLE search_term (
    id serial PRIMARY KEY, canonical_term varchar(50) NOT NULL UNIQUE,
    synonyms varchar(50)[] NOT NULL
);
CREATE TABLE birdbath_execution (
    id serial PRIMARY KEY, date_executed timestamptz NOT NULL
);
CREATE TABLE database_cache (
    cache_key varchar(255) PRIMARY KEY, value text NOT NULL, expires timestamptz NOT NULL
);

-- Left by an application that was removed: no model reaches it.

CREATE TABLE postgres_search_indexentry (
    id serial PRIMARY KEY, object_id varchar(50) NOT NULL, body_search tsvector,
    content_type_id integer NOT NULL, autocomplete tsvector
);
