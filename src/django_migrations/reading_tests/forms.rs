//! Tests each form of operation and field by the tables that it makes.

use super::*;

#[test]
fn fields_become_columns() {
    let fields = "
        ('title', models.CharField('the title', max_length=255)),
        ('body', wagtail.fields.StreamField([('p', wagtail.blocks.RichTextBlock())], null=True)),
        ('code', models.CharField(db_column='Old-Code', max_length=5)),
        ('price', models.DecimalField(max_digits=9, decimal_places=2)),
        ('mood', custom.fields.MoodField(max_length=9)),
        ('author', models.ForeignKey(null=True, on_delete=models.SET_NULL, to='auth.user')),
        ('parent', models.ForeignKey('self', models.CASCADE, db_column='up')),
        ('any', GenericForeignKey('a', 'b')),";
    let mut files = app("news", &[&model("Page", fields, "options={'ordering': ['title']}")]);
    let text = "from django.contrib.contenttypes.fields import GenericForeignKey\n";
    let last = files.last_mut().unwrap();
    last.text = last.text.clone().map(|old| [text.as_bytes(), &old].concat());
    expect(
        &[files],
        &["news_page: id bigint, title character varying(255), body jsonb?, \
           Old-Code character varying(5), price numeric(9,2), mood , author_id integer?, up bigint"],
    );
}

#[test]
fn models_follow_their_options() {
    let operations = [
        model("Plain", "", "options={'db_table': 'old_plain'}"),
        model("View", "", "options={'managed': False}"),
        "migrations.CreateModel('Proxy', [], {'proxy': True}, ('shop.plain',)),".to_owned(),
        "migrations.CreateModel(name='Child', fields=[('size', models.IntegerField())], \
         bases=('shop.plain', models.Model)),"
            .to_owned(),
        "migrations.CreateModel(name='Linked', fields=[('plain_ptr', models.OneToOneField(\
         auto_created=True, on_delete=models.CASCADE, parent_link=True, primary_key=True, \
         to='shop.plain'))], bases=('shop.plain',)),"
            .to_owned(),
        model("Ordered", "", "options={'order_with_respect_to': 'plain'}"),
        model("Gone", "('many', models.ManyToManyField(to='shop.plain')),", ""),
        "migrations.DeleteModel('Gone'),".to_owned(),
        "migrations.AlterOrderWithRespectTo('ordered', None),".to_owned(),
        "migrations.AlterOrderWithRespectTo('plain', 'x'),".to_owned(),
    ];
    expect(
        &[app("shop", &[&operations.concat()])],
        &[
            "old_plain: id bigint, _order integer",
            "shop_child: plain_ptr_id bigint, size integer",
            "shop_linked: plain_ptr_id bigint",
            "shop_ordered: id bigint",
        ],
    );
}

#[test]
fn changes_of_fields_are_followed() {
    let first = model(
        "A",
        "('one', models.CharField(max_length=5)), ('two', models.TextField()), \
         ('three', models.IntegerField()),",
        "",
    );
    let second =
        "migrations.AddField(model_name='A', name='four', field=models.EmailField(null=True)),
        migrations.AlterField('a', 'one', models.TextField(db_column='uno')),
        migrations.RenameField('a', 'two', 'deux'),
        migrations.RemoveField('a', 'three'),
        migrations.AlterField('a', 'four', models.ForeignKey('a', models.CASCADE)),
        migrations.AlterUniqueTogether('a', {('one', 'deux')}),
        migrations.AlterField('a', 'id', models.UUIDField(primary_key=True)),";
    let files = app("x", &[&first, second]);
    expect(std::slice::from_ref(&files), &["x_a: id uuid, uno text, deux text, four_id uuid"]);
    let tables = read_all(&[files]);
    let rows: Vec<(&str, usize)> = tables.tables["x_a"]
        .columns
        .iter()
        .map(|column| (column.source.path.as_str(), column.source.row))
        .collect();
    let second = "bc/x/migrations/0002_x.py";
    assert_eq!(rows[2..], [(second, 13), (second, 15)]);
}

#[test]
fn tables_of_links_follow_their_models() {
    let first = [
        model("Tag", "", ""),
        model("Aa", "", ""),
        model(
            "Page",
            "('tags', models.ManyToManyField(to='m.Tag')), \
             ('friends', models.ManyToManyField('self')), \
             ('named', models.ManyToManyField(to='m.tag', db_table='named_links')), \
             ('others', models.ManyToManyField(to='m.tag', through='m.Aa')),",
            "",
        ),
    ];
    let links = |page: &str, tag: &str, tags: &str| {
        [
            "m_aa: id bigint".to_owned(),
            format!("m_{page}: id bigint"),
            format!("m_{page}_friends: id bigint, from_{page}_id bigint, to_{page}_id bigint"),
            format!("m_{page}_{tags}: id bigint, {page}_id bigint, {tag}_id bigint"),
            format!("m_{tag}: id bigint"),
            format!("named_links: id bigint, {page}_id bigint, {tag}_id bigint"),
        ]
    };
    let first = first.concat();
    let before = links("page", "tag", "tags");
    expect(&[app("m", &[&first])], &before.each_ref().map(String::as_str));
    let renames =
        "migrations.RenameModel('Page', 'Article'), migrations.RenameModel('Tag', 'Word'),
        migrations.RenameField('article', 'tags', 'words'),";
    let after = links("article", "word", "words");
    expect(&[app("m", &[&first, renames])], &after.each_ref().map(String::as_str));
    let removal = "migrations.RemoveField('page', 'tags'), migrations.AlterModelTable('page', 'p'),
        migrations.RemoveField('page', 'named'), migrations.RemoveField('page', 'others'),";
    expect(
        &[app("m", &[&first, removal])],
        &[
            "m_aa: id bigint",
            "m_tag: id bigint",
            "p: id bigint",
            "p_friends: id bigint, from_page_id bigint, to_page_id bigint",
        ],
    );
}

#[test]
fn long_names_are_cut_as_django_and_postgres_cut_them() {
    let name = "a".repeat(70);
    let field = format!("('{name}', models.TextField()),");
    let option = format!("options={{'db_table': '{name}'}}");
    let found = read_all(&[app("x", &[&model("A", &field, &option)])]);
    let cut = "a".repeat(63);
    assert_eq!(written(&found), [format!("{cut}: id bigint, {cut} text")]);
    // By the MD5 of the whole name, as Django does without `db_table`.
    let found = read_all(&[app("x", &[&model(&name, "", "")])]);
    let name = found.tables.keys().next().unwrap();
    assert_eq!(name.len(), 63, "{name}");
    assert!(name.starts_with(&format!("x_{}", "a".repeat(57))), "{name}");
    assert!(name[59..].bytes().all(|byte| byte.is_ascii_hexdigit()), "{name}");
}

#[test]
fn sql_and_the_two_halves_count_where_they_belong() {
    let first = model("A", "('one', models.TextField()),", "");
    let second = "migrations.SeparateDatabaseAndState(
            database_operations=[migrations.RunSQL('ALTER TABLE x_a RENAME TO kept')],
            state_operations=[migrations.RenameModel('A', 'B'), migrations.AlterModelTable('b', 'kept')],
        ),
        migrations.AddField('b', 'two', models.TextField()),
        migrations.RunSQL([('CREATE TABLE side (id serial PRIMARY KEY, who text)', []), 'UPDATE kept SET two = 1'],
            reverse_sql='DROP TABLE side'),
        migrations.RunSQL('ALTER TABLE kept ADD three text', state_operations=[
            migrations.AddField('b', 'three', models.TextField())]),
        migrations.AlterField('b', 'three', models.CharField(max_length=3)),
        migrations.RunSQL('DO $$ BEGIN anything(); END $$', state_operations=[
            migrations.AddField('b', 'four', models.DateField())]),
        migrations.SeparateDatabaseAndState(database_operations=[migrations.AddField('b', 'five', models.DateField())]),
        migrations.RunSQL(migrations.RunSQL.noop),";
    expect(
        &[app("x", &[&first, second])],
        &[
            "kept: id bigint, one text, two text, three character varying(3), four date, five date",
            "side: id integer, who text?",
        ],
    );
}

#[test]
fn the_sites_settings_decide_about_swappable_models() {
    let users = app("users", &[&model("User", "", "options={'swappable': 'AUTH_USER_MODEL'}")]);
    let auth = app("auth", &[&model("User", "", "options={'swappable': 'AUTH_USER_MODEL'}")]);
    let fields = "('who', models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE)), \
                  ('readers', models.ManyToManyField(to=settings.AUTH_USER_MODEL)),";
    // Comes before `users` by its name.
    let mut news = app("news", &[&model("Page", fields, "")]);
    let last = news.last_mut().unwrap();
    last.text = last.text.clone().map(|text| {
        let text = String::from_utf8(text).unwrap();
        text.replace(
            "dependencies = []",
            "dependencies = [migrations.swappable_dependency(settings.AUTH_USER_MODEL)]",
        )
        .into_bytes()
    });
    let settings = file("bc/settings/base.py", "AUTH_USER_MODEL = 'users.User'\n");
    expect(
        &[news, auth, users, vec![settings]],
        &[
            "news_page: id bigint, who_id bigint",
            "news_page_readers: id bigint, page_id bigint, user_id bigint",
            "users_user: id bigint",
        ],
    );
}

#[test]
fn a_squashed_migration_takes_the_place_of_the_others() {
    let mut files = app("x", &[&model("A", "", ""), "migrations.RenameModel('A', 'B'),"]);
    let squashed = model("B", "('new', models.TextField()),", "");
    files.push(file(
        "bc/x/migrations/0001_squashed_0002-x.py",
        &format!(
            "from django.db import migrations, models\n\nclass Migration(migrations.Migration):\n    \
             replaces = [('x', '0001_x'), ('x', '0002_x')]\n    dependencies = []\n    \
             operations = [{squashed}]\n"
        ),
    ));
    expect(&[files], &["x_b: id bigint, new text"]);
}

#[test]
fn the_branch_for_postgres_counts() {
    let text = "from django.db import connection, migrations, models
class Migration(migrations.Migration):
    if connection.vendor == 'sqlite':
        operations = [migrations.RunPython(anything)]
    elif connection.vendor == 'postgresql':
        operations = [migrations.CreateModel('A', [('id', models.AutoField(primary_key=True))])]
    else:
        operations = [migrations.CreateModel('B', [])]
";
    let files = vec![file("x/migrations/__init__.py", ""), file("x/migrations/0001_x.py", text)];
    expect(&[files], &["x_a: id integer"]);
}
