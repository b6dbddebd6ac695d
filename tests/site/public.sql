-- Data from the public, sessions and caches.

INSERT INTO wagtailforms_formsubmission (id, form_data, submit_time, page_id)
SELECT n, jsonb_build_object(
              'full_name', sample.full_name(n), 'email_address', sample.email(n),
              'telephone', sample.telephone(n), 'postcode', sample.postcode(n),
              'tell_us_more', CASE WHEN n % 3 = 0 THEN sample.personal_note(n)
                                   ELSE sample.prose('submission' || n, 2) END)
          || CASE WHEN n % 4 = 0 THEN jsonb_build_object(
                  'national_insurance_number', sample.national_insurance(n),
                  'date_of_birth', (date '1950-01-01' + n % 20000)::text,
                  'children', jsonb_build_array(sample.full_name(n + 1), sample.full_name(n + 2)))
             ELSE '{}' END,
       sample.moment('submission' || n), 20 * (1 + n % 20)
  FROM generate_series(1, 3000) n;

INSERT INTO recruitment_jobalertsubscription (
    id, email, search, confirmed, created, token, homepage_id)
SELECT n, sample.email(n), CASE n % 3
       WHEN 0 THEN json_build_object('query', 'driver', 'postcode', sample.postcode(n))
       ELSE json_build_object('category', json_build_array('education')) END::text,
       n % 10 > 0, sample.moment('alert' || n), 'canary-job-' || md5('alert' || n), 12 + n % 2
  FROM generate_series(1, 1200) n;
INSERT INTO recruitment_jobalertnotificationtask (id, started, ended, is_successful)
SELECT n, date '2025-07-01' + n, date '2025-07-01' + n + interval '5 minutes', true
  FROM generate_series(1, 60) n;

INSERT INTO blogs_blogalertsubscription (id, email, confirmed, created, token, homepage_id)
SELECT n, sample.email(7000 + n), n % 8 > 0, sample.moment('blog alert' || n),
       'canary-blog-' || md5('blog alert' || n), 11
  FROM generate_series(1, 300) n;
INSERT INTO blogs_notificationrecord (id, was_sent, "timestamp", blog_post_id)
SELECT row_number() OVER (), true, sample.moment('notified' || page_ptr_id), page_ptr_id
  FROM blogs_blogpostpage;

INSERT INTO feedback_feedbackcomment (id, created, action, issue, page_id, original_url)
SELECT n, sample.moment('comment' || n), sample.personal_note(n),
       CASE WHEN n % 2 = 0 THEN sample.personal_note(8000 + n) ELSE sample.prose('issue' || n, 1) END,
       CASE WHEN n % 9 > 0 THEN 14 + n % 380 END,
       'https://www.sample-council.example/page-' || n || '/'
  FROM generate_series(1, 800) n;
INSERT INTO feedback_usefulnessfeedback (id, created, useful, page_id, original_url)
SELECT n, sample.moment('useful' || n), n % 3 > 0, 14 + n % 380,
       'https://www.sample-council.example/page-' || n || '/'
  FROM generate_series(1, 2500) n;

-- Search queries, which sometimes hold personal data. Editors' promotions keep some.
INSERT INTO wagtailsearchpromotions_query (id, query_string)
SELECT n, CASE WHEN n % 25 = 7 THEN lower(sample.full_name(n)) || ' ' || n
               WHEN n % 25 = 8 THEN sample.email(n)
               WHEN n % 25 = 9 THEN sample.telephone(n) || ' missed bin ' || n
               ELSE sample.pick('query' || n, 'bins', 'council tax', 'parking', 'tip') || ' ' || n END
  FROM generate_series(1, 1000) n;
INSERT INTO wagtailsearchpromotions_querydailyhits (id, date, hits, query_id)
SELECT row_number() OVER (), date '2025-08-01' + day, 1 + n % 9, n
  FROM generate_series(1, 1000) n, generate_series(0, 2) day;
INSERT INTO wagtailsearchpromotions_searchpromotion (
    id, sort_order, description, page_id, query_id, external_link_text, external_link_url)
SELECT n, 0, 'Best answer ' || n, 14 + n, n * 25, NULL, '' FROM generate_series(1, 30) n;

INSERT INTO recruitment_jobcategory (
    id, title, description, slug, sort_order, is_schools_and_early_years, icon)
SELECT n, 'Category ' || n, '', 'category-' || n, n, n = 1, '' FROM generate_series(1, 6) n;
INSERT INTO recruitment_jobsubcategory (id, title) SELECT n, 'Subcategory ' || n FROM generate_series(1, 8) n;
INSERT INTO recruitment_talentlinkjob (
    id, talentlink_id, job_number, title, description, salary_range, working_hours, closing_date,
    contact_email, searchable_salary, location_name, is_published, posting_start_date,
    posting_end_date, show_apply_button, created, last_imported, last_modified, short_description,
    subcategory_id, application_url_query, location_postcode, contract_type, homepage_id,
    organisation, location_city, location_country, location_region, location_street,
    location_street_number, dbs_check)
SELECT n, 100000 + n, 'REQ' || lpad(n::text, 5, '0'), 'Social worker ' || n,
       '<p>' || sample.prose('job' || n, 4) || ' For a talk ring ' || sample.telephone(n) || ' or write to '
       || sample.email(n) || '.</p>',
       '£30,000 - £40,000', 'Full time', date '2025-10-01' + n % 30, sample.email(n), '£30,000+',
       'Aylesbury', true, sample.moment('job' || n), sample.moment('job' || n) + interval '40 days',
       true, sample.moment('job' || n), sample.moment('job' || n), sample.moment('job' || n),
       sample.prose('short' || n, 1), 1 + n % 8, 'jobId=Q' || n, 'HP20 1UA', 'Permanent', 12 + n % 2,
       'Sample Council', 'Aylesbury', '', '', 'Walton Street', '', 'No'
  FROM generate_series(1, 60) n;
INSERT INTO recruitment_talentlinkjob_attachments (id, talentlinkjob_id, customdocument_id)
SELECT n, n, n FROM generate_series(1, 60) n;

-- Sessions are zlib and base64: the first holds a preview with addresses, the second one with a
-- name and a telephone number, the third the reference of a complaint.
INSERT INTO django_session (session_key, session_data, expire_date)
SELECT left(md5('session' || n), 32), (ARRAY[
           '.eJyNjs8KwjAMh9-loBe17J8KAy969glERtZGW-3aknbqEN_diSKKF3MK-X35kiuroI2qagNSpSUrW'
           'c7Gn7MaxBHtI5AHsHvHhbORdM0fCH-lga-dRLN8sV8CBUH12wIsUJdAWmcilwX-2_WyM-wjaDPxhCe'
           'N50k2Z-WGRR0NLlb9NyDiqA3D6CqQkjCEhXfed3xnMAqFlA-K5Hme4wUab3CQrcjV2nIF1Fu64ocY7'
           'sg1b591hN50PxQbp_NZ8iw-3d7uFnpzsQ:1v1cDA:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaG'
           'xwdHh8',
           '.eJyNjsFOwzAQRP_FEly2sRzaNG2lXlqJGxLqFaFoHW8Tg-u1HJcQIf6dBHKAG3sa7cwbzYeo8Jra6'
           'tpRrKwRO1GIxe-fxvqV_GSYF_QNy5p9ilbLKSJnt5MPbMgd5uyfgha7dqRr9BiH7XlDpVnXhf6vGst'
           '6bBJal4VIb5b6bJWL3ZNINjnanyhwTIAQImtHl1vNZtifrG_gkUMY4N5RqluK2fF7ALAHVZZKwVap_'
           'G4JHKGPNhEkhjAR8jwTy5uV-lkt6R0vwZFY5OVajZcrJYvnzy8rMms3:1v1cDA:AQIDBAUGBwgJCgs'
           'MDQ4PEBESExQVFhcYGRobHB0eHyA',
           'eyJjYXNlX3JlZmVyZW5jZS04NyI6IkNBTkFSWS01Mjg5MTYiLCJsYW5kaW5nX3BhZ2UtODciOnRydW'
           'V9:1v1cDA:KCkqKywtLi8wMTIzNDU2Nzg5Ojs8PT4_QEFCQ0RFRkc'
       ])[1 + n % 3], sample.moment('session' || n)
  FROM generate_series(1, 150) n;

INSERT INTO database_cache (cache_key, value, expires)
SELECT ':1:results' || n,
       'gASVXQAAAAAAAAB9lIwHcmVzdWx0c5RdlH2UKIwEbmFtZZSMFVBvcHB5IEZsZXRjaGVyLUNhbmFyeZSMBWVtYWlslIwe'
       'cG9wcHkuZmxldGNoZXIzQGNhbmFyeS5leGFtcGxllHVhcy4=', sample.moment('cache' || n)
  FROM generate_series(1, 12) n;
