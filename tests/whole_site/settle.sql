-- A migration of the deployed code that the sample lacks: applied, with its mark.
INSERT INTO django_migrations (app, name, applied) VALUES (:'app', :'name', '2024-06-07 08:09:10+00');
CREATE VIEW :table AS SELECT 1 AS id WHERE false;
