//! Tests that hidden content is found once under each encoding, and that no value makes the search
//! fail.

use std::collections::BTreeMap;
use std::io::Write;

use ::base64::Engine;
use ::base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use flate2::Compression;
use flate2::write::ZlibEncoder;
use proptest::prelude::*;

use super::super::copy_text::escape_into;
use super::super::patterns::Kind;
use super::*;

/// What is found beyond the plain scan: (e-mail, phone, NI number, postcode).
fn found(value: impl AsRef<[u8]>, form: Form) -> [u64; 4] {
    let seen = look(value.as_ref(), form);
    assert!(!seen.incomplete);
    counts(&seen)
}

fn look(value: &[u8], form: Form) -> Seen {
    let mut field = Vec::new();
    escape_into(value, &mut field);
    look_into(&field, form, Effort::Everything, &AllowList::default())
}

fn counts(seen: &Seen) -> [u64; 4] {
    let mut counts = [0; 4];
    for (count, (_, [unknown, _])) in counts.iter_mut().zip(seen.tally.by_kind()) {
        *count = unknown;
    }
    counts
}

fn zlib(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// `"." + base64.urlsafe_b64encode(zlib.compress(json)).rstrip(b"=") + ":1tgK5L:..."`, where json is
/// `{"to": "jo@example.org", "phone": "01296 395000", "text": "to be compressed " * 8}`.
const SESSION: &str = ".eJyrVirJV7JSysp3SK1IzC3ISdXLL0pX0lEqyMjPSwVKGBgaWZopGFuaGhgYAIVLUitKgKIl-QpJqQrJ-bkFRanFxakpCgMkoFQLAPGNQh8:1tgK5L:c2lnbmF0dXJlLW9mLXRoZS1zZXNzaW9u";

/// `base64.b64encode(b"5f2e0c8f7b6a1d3c4e5f60718293a4b5c6d7e8f9:" + json)`, as before
/// Django 3.1, where json is `{"to":"jo@example.org","phone":"01296 395000"}`.
const OLD_SESSION: &str = "NWYyZTBjOGY3YjZhMWQzYzRlNWY2MDcxODI5M2E0YjVjNmQ3ZThmOTp7InRvIjoiam9AZXhhbXBsZS5vcmciLCJwaG9uZSI6IjAxMjk2IDM5NTAwMCJ9";

/// `base64.b64encode(pickle.dumps({"mail": "jo@example.org", "b": zlib.compress(b"HP19 8FF")}, 5))`
const CACHE: &str =
    "gAWVNAAAAAAAAAB9lCiMBG1haWyUjA5qb0BleGFtcGxlLm9yZ5SMAWKUQxB4nPMIMLRUsHBzAwAItQHnlHUu";

#[test]
fn sessions_are_unpacked() {
    for form in [Form::Session, Form::Any] {
        assert_eq!(found(SESSION, form), [1, 1, 0, 0], "{form:?}");
        assert_eq!(found(OLD_SESSION, form), [1, 1, 0, 0], "{form:?}");
    }
    let plain = URL_SAFE_NO_PAD.encode(r#"{"to":"jo@example.org"}"#);
    assert_eq!(found(format!("{plain}:1tgK5L:abc"), Form::Session), [1, 0, 0, 0]);
    let pickled = STANDARD.encode([OLD_HASH, PICKLED_SESSION].concat());
    assert_eq!(found(pickled, Form::Session), [1, 0, 0, 0]);
}

const OLD_HASH: &[u8] = b"5f2e0c8f7b6a1d3c4e5f60718293a4b5c6d7e8f9:";

/// `pickle.dumps({"to": "jo@example.org"}, protocol=2)`
const PICKLED_SESSION: &[u8] =
    b"\x80\x02}q\x00X\x02\x00\x00\x00toq\x01X\x0e\x00\x00\x00jo@example.orgq\x02s.";

#[test]
fn values_of_the_cache_are_unpickled() {
    for form in [Form::Cache, Form::Any] {
        assert_eq!(found(CACHE, form), [1, 0, 0, 1], "{form:?}");
    }
    // pickle.dumps(["jo@example.org"], protocol=1), which does not say that it is a pickle.
    let old = STANDARD.encode(b"]q\x00X\x0e\x00\x00\x00jo@example.orgq\x01a.");
    assert_eq!(found(&old, Form::Cache), [1, 0, 0, 0]);
    // Wrapped as older versions of Django did.
    let pickle = [b"\x80\x04\x8c\x60", [b'.'; 82].as_slice(), b"jo@example.org", b"\x94."].concat();
    let encoded = STANDARD.encode(pickle);
    let (first, second) = encoded.split_at(76);
    let wrapped = format!("{first}\n{second}\n");
    assert_eq!(found(&wrapped, Form::Cache), [1, 0, 0, 0]);
    assert_eq!(found(&wrapped, Form::Any), [1, 0, 0, 0]);
}

#[test]
fn values_in_the_wrong_form_for_their_place_are_reported() {
    for form in [Form::Session, Form::Cache] {
        for value in ["not encoded at all", "gAAAAABnencryptedencrypted"] {
            assert!(look(value.as_bytes(), form).incomplete, "{value}");
        }
        assert_eq!(
            look_into(NULL, form, Effort::Everything, &AllowList::default()),
            Seen::default()
        );
    }
    let random = STANDARD.encode([0xF1, 0x03, 0xFF, 0x99, 0x04, 0xE0, 0x80, 0x11, 0x07]);
    assert!(look(random.as_bytes(), Form::Session).incomplete);
}

#[test]
fn json_inside_json_hides_nothing() {
    let inner = serde_json::json!([{"type": "text", "value": "call\n01296 395000\nor jo@x.org"}]);
    let plain = serde_json::json!({"body": inner.to_string(), "n": 1}).to_string();
    assert_eq!(found(&plain, Form::Any), [0; 4], "the plain scan sees these");
    let escaped = inner.to_string().replace('@', r"\u0040").replace(' ', r"\u00a0");
    let document = serde_json::json!({ "body": escaped }).to_string();
    assert_eq!(found(&document, Form::Any), [1, 1, 0, 0]);
    let deeper = serde_json::json!({ "content": document }).to_string();
    assert_eq!(found(&deeper, Form::Any), [1, 1, 0, 0]);
    assert_eq!(found(r#"{"by": "jos\u00e9@example.org"}"#, Form::Any), [1, 0, 0, 0]);
    let base64 = STANDARD.encode("call 01296 395000 or write");
    assert_eq!(found(format!(r#"{{"a": "{base64}"}}"#), Form::Any), [0, 1, 0, 0]);
    assert_eq!(found(deeper.replace("body", &base64), Form::Any), [1, 2, 0, 0]);
    let broken = &deeper[..deeper.len() - 10];
    assert_eq!(found(broken, Form::Any), [1, 1, 0, 0], "a document that is cut off");
}

#[test]
fn elements_of_arrays_are_searched() {
    let base64 = STANDARD.encode("jo@example.org, editor");
    assert_eq!(found(format!(r#"{{a,"b \"c\"",{base64},NULL}}"#), Form::Any), [1, 0, 0, 0]);
    assert_eq!(found(r#"{"{\"a\": \"jo\\u0040x.org\"}"}"#, Form::Any), [1, 0, 0, 0]);
}

#[test]
fn search_vectors_are_put_in_order() {
    let vector = "'01296':2 '395000':3 '8ff':7 'at':5 'call':1 'hp19':6 'jo@x.org':9";
    assert_eq!(found(vector, Form::SearchVector), [0, 1, 0, 1]);
    let gap = "'01296':2 '395000':4";
    assert_eq!(found(gap, Form::SearchVector), [0; 4]);
    let nino = "'12':2 '34':3 '56':4 'ab':1 'c':5";
    assert_eq!(found(nino, Form::SearchVector), [0, 0, 1, 0]);
}

#[test]
fn bytes_are_searched() {
    let hex = |bytes: &[u8]| {
        let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        format!(r"\x{digits}")
    };
    assert_eq!(found(hex(b"write to jo@example.org"), Form::Any), [1, 0, 0, 0]);
    assert_eq!(found(hex(&zlib(b"write to jo@example.org")), Form::Any), [1, 0, 0, 0]);
    assert_eq!(found(hex(b"%PDF-1.7\x00\xff jo@example.org HP19 8FF"), Form::Any), [1, 0, 0, 0]);
    assert_eq!(found(hex(b"\xff\xd8\xff\xe0 by \xe9l jo@example.org"), Form::Any), [1, 0, 0, 0]);
}

#[test]
fn joined_base64_and_other_encodings_are_searched() {
    let base64 = STANDARD.encode("jo@example.org, editor");
    for text in [format!("token_{base64}"), format!("a-b-{base64}"), format!("x/y_{base64}")] {
        assert_eq!(found(&text, Form::Any), [1, 0, 0, 0], "{text}");
    }
    let latin = STANDARD.encode(b"Andr\xe9 and Ren\xe9 are at jo@example.org");
    assert_eq!(found(latin, Form::Any), [1, 0, 0, 0]);
}

#[test]
fn paths_hashes_and_tokens_hide_nothing() {
    for value in [
        "00010001000Q000U",
        "/documents/1234/council-tax-support-application-form-2024.pdf",
        "pbkdf2_sha256$600000$Jx0qHP19FF2b$Yk8bP3HP198FFmC2b0lQ2kW1Xh5Y2kU0bX5cB1R0bWk=",
        "2024-05-17T12:30:00.000000+00:00",
        "images/a-very-long-name-of-a-picture.width-800.format-webp.webp",
    ] {
        assert_eq!(found(value, Form::Any), [0; 4], "{value}");
    }
}

#[test]
fn allowed_values_are_counted_separately() {
    let allow = BTreeMap::from([(Kind::Email, vec!["*@example.invalid".to_string()])]);
    let value = STANDARD.encode("user.17@example.invalid and jo@example.org");
    let seen = look_into(value.as_bytes(), Form::Any, Effort::Everything, &AllowList::new(allow));
    assert_eq!(seen.tally.by_kind().next(), Some((Kind::Email, [1, 1])));
}

#[test]
fn decompression_bombs_are_not_unpacked() {
    let bomb = zlib(&vec![b' '; LARGEST + 1]);
    assert!(bomb.len() < 20_000);
    assert!(look(STANDARD.encode(&bomb).as_bytes(), Form::Any).incomplete);
    let many = vec![STANDARD.encode(zlib(&vec![b' '; LARGEST / 4])); 5].join(" ");
    assert!(look(many.as_bytes(), Form::Any).incomplete, "the limit is for all together");
    let mut nested = b"jo@example.org".to_vec();
    for _ in 0..3 {
        nested = STANDARD.encode(zlib(&nested)).into_bytes();
    }
    assert_eq!(found(&nested, Form::Any), [1, 0, 0, 0]);
    for _ in 0..2 {
        nested = STANDARD.encode(zlib(&nested)).into_bytes();
    }
    assert!(look(&nested, Form::Any).incomplete, "too many layers");
}

proptest! {
    #![proptest_config(crate::property_test::config(256))]

    #[test]
    fn any_value_can_be_searched(
        value in prop_oneof![
            proptest::collection::vec(any::<u8>(), 0..400),
            "[\\\\ux0-9a-f%'{}\",:.=A-Z@\n-]{0,200}".prop_map(String::into_bytes),
        ],
        packed in 0..4_u8,
    ) {
        let value = match packed {
            0 => value,
            1 => STANDARD.encode(&value).into_bytes(),
            2 => STANDARD.encode(zlib(&value)).into_bytes(),
            _ => STANDARD.encode([b"\x80\x04", value.as_slice()].concat()).into_bytes(),
        };
        for form in [Form::Any, Form::SearchVector, Form::Session, Form::Cache] {
            look(&value, form);
        }
    }

    #[test]
    fn addresses_are_found_under_every_layer(
        local in "[a-z]{3,8}", before in "[ a-z]{12,40}", layers in proptest::collection::vec(0..3_u8, 1..4),
    ) {
        let mut value = format!("{before} {local}@example.org ").into_bytes();
        for layer in layers {
            value = match layer {
                0 => STANDARD.encode(&value).into_bytes(),
                1 => STANDARD.encode(zlib(&value)).into_bytes(),
                _ => URL_SAFE_NO_PAD.encode(&value).into_bytes(),
            };
        }
        prop_assert_eq!(found(&value, Form::Any), [1, 0, 0, 0]);
    }
}
