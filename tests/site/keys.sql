-- Foreign keys and indexes of the sample site, made once its rows are in.

-- A column that was dropped stays in the catalog: readers of the catalog must skip it.
ALTER TABLE users_user ADD COLUMN telephone varchar(32);
ALTER TABLE users_user DROP COLUMN telephone;

-- The table of revisions was renamed; its sequence and primary key kept their names.
ALTER SEQUENCE wagtailcore_revision_id_seq RENAME TO wagtailcore_pagerevision_id_seq;
ALTER INDEX wagtailcore_revision_pkey RENAME TO wagtailcore_pagerevision_pkey;

-- Foreign keys: by the column's name, with the exceptions after it. Django makes each of them
-- deferred, names it after table, column and a hash, and gives its column an index.
CREATE TEMP TABLE link (column_name text, only_table text, target regclass);
INSERT INTO link VALUES
    ('page_ptr_id', NULL, 'wagtailcore_page'),
    ('page_id', NULL, 'wagtailcore_page'),
    ('page_id', 'forms_formfield', 'forms_formpage'),
    ('page_id', 'forms_postcodelookupresponse', 'forms_lookuppage'),
    ('page_id', 'wagtailcore_pagelogentry', NULL),
    ('root_page_id', NULL, 'wagtailcore_page'),
    ('alias_of_id', NULL, 'wagtailcore_page'),
    ('redirect_page_id', NULL, 'wagtailcore_page'),
    ('link_page_id', NULL, 'wagtailcore_page'),
    ('about_page_id', NULL, 'wagtailcore_page'),
    ('featured_blogpost_page_id', NULL, 'blogs_blogpostpage'),
    ('blog_post_id', NULL, 'blogs_blogpostpage'),
    ('homepage_id', NULL, 'recruitment_recruitmenthomepage'),
    ('homepage_id', 'blogs_blogalertsubscription', 'blogs_bloghomepage'),
    ('latest_revision_id', NULL, 'wagtailcore_revision'),
    ('live_revision_id', NULL, 'wagtailcore_revision'),
    ('revision_created_id', NULL, 'wagtailcore_revision'),
    ('revision_id', 'wagtailcore_taskstate', 'wagtailcore_revision'),
    ('locale_id', NULL, 'wagtailcore_locale'),
    ('site_id', NULL, 'wagtailcore_site'),
    ('collection_id', NULL, 'wagtailcore_collection'),
    ('comment_id', NULL, 'wagtailcore_comment'),
    ('task_id', NULL, 'wagtailcore_task'),
    ('task_ptr_id', NULL, 'wagtailcore_task'),
    ('groupapprovaltask_id', NULL, 'wagtailcore_groupapprovaltask'),
    ('workflow_id', NULL, 'wagtailcore_workflow'),
    ('workflow_state_id', NULL, 'wagtailcore_workflowstate'),
    ('current_task_state_id', NULL, 'wagtailcore_taskstate'),
    ('pageviewrestriction_id', NULL, 'wagtailcore_pageviewrestriction'),
    ('collectionviewrestriction_id', NULL, 'wagtailcore_collectionviewrestriction'),
    ('content_type_id', NULL, 'django_content_type'),
    ('base_content_type_id', NULL, 'django_content_type'),
    ('to_content_type_id', NULL, 'django_content_type'),
    ('for_content_type_id', NULL, 'django_content_type'),
    ('permission_id', NULL, 'auth_permission'),
    ('group_id', NULL, 'auth_group'),
    ('user_id', NULL, 'users_user'),
    ('user_id', 'wagtailcore_pagelogentry', NULL),
    ('user_id', 'wagtailcore_modellogentry', NULL),
    ('owner_id', NULL, 'users_user'),
    ('locked_by_id', NULL, 'users_user'),
    ('resolved_by_id', NULL, 'users_user'),
    ('requested_by_id', NULL, 'users_user'),
    ('finished_by_id', NULL, 'users_user'),
    ('uploaded_by_user_id', NULL, 'users_user'),
    ('image_id', NULL, 'images_customimage'),
    ('image_id', 'wagtailimages_rendition', 'wagtailimages_image'),
    ('listing_image_id', NULL, 'images_customimage'),
    ('social_image_id', NULL, 'images_customimage'),
    ('hero_image_id', NULL, 'images_customimage'),
    ('featured_blogpost_image_id', NULL, 'images_customimage'),
    ('logo_id', NULL, 'images_customimage'),
    ('tag_id', NULL, 'taggit_tag'),
    ('query_id', NULL, 'wagtailsearchpromotions_query'),
    ('call_to_action_id', NULL, 'utils_calltoactionsnippet'),
    ('subcategory_id', NULL, 'recruitment_jobsubcategory'),
    ('talentlinkjob_id', NULL, 'recruitment_talentlinkjob'),
    ('customdocument_id', NULL, 'documents_customdocument'),
    ('ehc_co_id', NULL, 'family_information_ehcco'),
    ('directory_management_api_id', NULL, 'service_directory_directorymanagementapi'),
    ('fetched_with_id', NULL, 'service_directory_directorymanagementapi'),
    ('parent_id', NULL, 'service_directory_taxonomy');

DO $$
DECLARE
    found record;
    name text;
BEGIN
    FOR found IN
        SELECT DISTINCT ON (c.table_name, c.column_name) c.table_name, c.column_name, l.target
          FROM information_schema.columns c
          JOIN pg_tables t ON t.schemaname = c.table_schema AND t.tablename = c.table_name
          JOIN link l ON l.column_name = c.column_name
                     AND coalesce(l.only_table, c.table_name) = c.table_name
         WHERE c.table_schema = 'public'
         ORDER BY c.table_name, c.column_name, l.only_table NULLS LAST
    LOOP
        CONTINUE WHEN found.target IS NULL;
        name := left(found.table_name, 20) || '_' || left(found.column_name, 16) || '_'
                || left(md5(found.table_name || found.column_name), 8);
        EXECUTE format(
            'ALTER TABLE %I ADD CONSTRAINT %I FOREIGN KEY (%I) REFERENCES %s
             DEFERRABLE INITIALLY DEFERRED',
            found.table_name, name || '_fk_' || left(found.target::text, 9), found.column_name,
            found.target);
        IF NOT EXISTS (SELECT FROM pg_index i JOIN pg_attribute a
                           ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]
                        WHERE i.indrelid = found.table_name::regclass
                          AND i.indisunique AND i.indnkeyatts = 1
                          AND a.attname = found.column_name) THEN
            EXECUTE format('CREATE INDEX %I ON %I (%I)', name, found.table_name,
                           found.column_name);
        END IF;
    END LOOP;
END $$;

-- Indexed columns. A varchar gets a second index for LIKE, a unique one only that.
CREATE TEMP TABLE indexed (table_name text, column_names text[]);
INSERT INTO indexed VALUES
    ('database_cache', '{expires}'),
    ('django_session', '{expire_date,session_key}'),
    ('auth_group', '{name}'),
    ('users_user', '{username}'),
    ('wagtailcore_locale', '{language_code}'),
    ('wagtailcore_collection', '{path}'),
    ('wagtailcore_page', '{first_published_at,path,slug}'),
    ('wagtailcore_revision', '{approved_go_live_at,created_at}'),
    ('wagtailcore_site', '{hostname}'),
    ('wagtailcore_pagelogentry',
     '{action,content_changed,page_id,revision_id,timestamp,user_id}'),
    ('wagtailcore_modellogentry',
     '{action,content_changed,object_id,revision_id,timestamp,user_id}'),
    ('wagtailembeds_embed', '{cache_until,hash}'),
    ('wagtailredirects_redirect', '{old_path}'),
    ('wagtailsearchpromotions_query', '{query_string}'),
    ('wagtailimages_image', '{created_at,file_hash}'),
    ('wagtailimages_rendition', '{filter_spec}'),
    ('images_customimage', '{created_at,file_hash}'),
    ('images_rendition', '{filter_spec}'),
    ('taggit_tag', '{name,slug}'),
    ('taggit_taggeditem', '{object_id}'),
    ('recruitment_recruitmenthomepage', '{job_board}'),
    ('recruitment_jobcategory', '{slug}'),
    ('recruitment_jobsubcategory', '{title}'),
    ('recruitment_jobalertsubscription', '{token}'),
    ('blogs_blogalertsubscription', '{token}'),
    ('search_term', '{canonical_term}');

DO $$
DECLARE
    found record;
    name text;
BEGIN
    FOR found IN
        SELECT i.table_name, a.attname AS column_name,
               a.atttypid = 'varchar'::regtype AS is_text,
               EXISTS (SELECT FROM pg_index x WHERE x.indrelid = a.attrelid AND x.indisunique
                          AND x.indnkeyatts = 1 AND x.indkey[0] = a.attnum) AS is_unique
          FROM indexed i
          JOIN pg_attribute a ON a.attrelid = i.table_name::regclass
                             AND a.attname = ANY (i.column_names)
    LOOP
        name := left(found.table_name, 28) || '_' || left(found.column_name, 18) || '_'
                || left(md5(found.table_name || found.column_name), 8);
        IF NOT found.is_unique THEN
            EXECUTE format('CREATE INDEX %I ON %I (%I)', name, found.table_name,
                           found.column_name);
        END IF;
        IF found.is_text THEN
            EXECUTE format('CREATE INDEX %I ON %I (%I varchar_pattern_ops)', name || '_like',
                           found.table_name, found.column_name);
        END IF;
    END LOOP;
END $$;

DROP TABLE link, indexed;

CREATE INDEX base_content_object_idx
    ON wagtailcore_revision (base_content_type_id, object_id);
CREATE INDEX content_object_idx ON wagtailcore_revision (content_type_id, object_id);
CREATE INDEX workflowstate_base_ct_id_idx
    ON wagtailcore_workflowstate (base_content_type_id, object_id);
CREATE INDEX workflowstate_ct_id_idx ON wagtailcore_workflowstate (content_type_id, object_id);
CREATE UNIQUE INDEX unique_in_progress_workflow
    ON wagtailcore_workflowstate (base_content_type_id, object_id)
    WHERE status IN ('in_progress', 'needs_changes');
CREATE INDEX wagtailadmi_content_717955_idx
    ON wagtailadmin_editingsession (content_type_id, object_id);
CREATE INDEX taggit_tagg_content_8fc721_idx ON taggit_taggeditem (content_type_id, object_id);
CREATE INDEX wagtailsear_autocom_476c89_gin
    ON wagtailsearch_indexentry USING gin (autocomplete);
CREATE INDEX wagtailsear_title_9caae0_gin ON wagtailsearch_indexentry USING gin (title);
CREATE INDEX wagtailsear_body_90c85d_gin ON wagtailsearch_indexentry USING gin (body);
