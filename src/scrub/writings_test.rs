//! Tests that every form of a valid number or address is found, and that harmless digits are not.

use ::base64::Engine;
use ::base64::engine::general_purpose::STANDARD;
use proptest::prelude::*;

use super::copy_text::escape_into;
use super::encoded::{Effort, Form, look_into};
use super::patterns::{Kind, Strength};
use super::tally::{AllowList, Tally};

/// What the audit counts in a column that may hold no personal data.
fn seen(value: &str) -> Tally {
    let allow = AllowList::default();
    let mut field = Vec::new();
    escape_into(value.as_bytes(), &mut field);
    let mut tally = allow.plain_tally(&field);
    tally.add(look_into(&field, Form::Any, Effort::Everything, &allow).tally);
    tally
}

fn finds(value: &str, kind: Kind) -> bool {
    seen(value).by_kind().any(|(one, [count, _])| one == kind && count > 0)
}

fn holds_strong(value: &str) -> bool {
    seen(value)
        .by_strength()
        .any(|(_, strength, [count, _])| strength == Strength::Strong && count > 0)
}

fn is_clean(value: &str) -> bool {
    seen(value).is_empty()
}

/// Texts around a value.
fn around() -> impl Strategy<Value = (&'static str, &'static str)> {
    prop::sample::select(vec![
        ("", ""),
        ("Please note: ", "."),
        ("(", ")"),
        ("<td>", "</td>"),
        ("{\"a\": \"", "\"}"),
        ("{\"a\": \"x\\n", "\\ny\"}"),
        ("'", "'"),
        ("\n", "\n"),
        ("a, ", ", b"),
        ("{\"body\": \"[{\\\"value\\\": \\\"", "\\\"}]\"}"),
    ])
}

const DASHES: [&str; 9] = [
    "-", "\u{2010}", "\u{2011}", "\u{2012}", "\u{2013}", "\u{2014}", "\u{2015}", "\u{2212}",
    "\u{ad}",
];

fn gap() -> impl Strategy<Value = String> {
    let dash = prop::sample::select(DASHES.to_vec());
    prop_oneof![
        prop::sample::select(vec!["", " ", ".", "/", "\u{a0}", "\u{2009}", "\u{202f}"])
            .prop_map(str::to_owned),
        dash.clone().prop_map(str::to_owned),
        dash.prop_map(|dash| format!(" {dash} ")),
    ]
}

/// A number without its zero, as issued: ten digits in two to four groups.
fn subscriber() -> impl Strategy<Value = [String; 3]> {
    prop_oneof![
        ("7[1-57-9][0-9]{2}", "[0-9]{3}", "[0-9]{3}"),
        ("20", "[78][0-9]{3}", "[0-9]{4}"),
        ("1[2-9][2-9][0-9]", "[0-9]{3}", "[0-9]{3}"),
        ("11[3-8]", "[0-9]{3}", "[0-9]{4}"),
    ]
    .prop_map(|(area, one, two)| [area, one, two])
}

fn phone() -> impl Strategy<Value = String> {
    (subscriber(), gap(), 0..8_u8).prop_map(|([area, one, two], gap, form)| {
        let rest = format!("{area}{gap}{one}{gap}{two}");
        // Slashes and dots after other first digits mean a date or a path.
        match form {
            0 => format!("+44{gap}{rest}"),
            1 => format!("+44 (0){rest}"),
            2 => format!("0044{gap}{rest}"),
            3 => format!("(0{area}){gap}{one}{gap}{two}"),
            4 => format!("(0){rest}"),
            5 => format!("44{gap}{rest}"),
            _ => format!("0{rest}"),
        }
    })
}

fn outward() -> impl Strategy<Value = String> {
    prop_oneof!["HP(1[0-9]|[1-9])", "SW1[A-H]", "[EMNW][1-9]", "MK[1-9]", "EC[1-4][A-Y]"]
}

fn postcode() -> impl Strategy<Value = String> {
    let inward = "[0-9][ABDEFGHJLNPQRSTUWXYZ]{2}";
    let gap = prop_oneof![
        prop::sample::select(vec!["", " ", "  ", "\t", "\n", "\r\n", " \n", "\u{a0}"])
            .prop_map(str::to_owned),
        prop::sample::select(DASHES.to_vec()).prop_map(str::to_owned),
        prop::sample::select(DASHES.to_vec()).prop_map(|dash| format!(" {dash} ")),
    ];
    (outward(), gap, inward, 0..4_u8)
        .prop_filter("an ordinal in lower case", |(_, _, inward, case)| {
            let unit = inward[1..].to_ascii_lowercase();
            let units = super::postcodes::UNITS;
            *case < 2 || !units.iter().any(|one| one[..] == *unit.as_bytes())
        })
        .prop_filter("mixed case without a gap", |(_, gap, _, case)| *case != 2 || !gap.is_empty())
        .prop_map(|(outward, gap, inward, case)| match case {
            2 => format!("{outward}{gap}{}", inward.to_ascii_lowercase()),
            3 => format!("{outward}{gap}{inward}").to_ascii_lowercase(),
            _ => format!("{outward}{gap}{inward}"),
        })
}

fn nino() -> impl Strategy<Value = String> {
    let gap = prop_oneof![
        prop::sample::select(vec!["", " ", ".", "/", "\u{a0}"]),
        prop::sample::select(DASHES.to_vec()),
    ];
    let prefix = prop::sample::select(vec!["JG", "AA", "CE", "PW", "WS", "HZ", "OE", "YY"]);
    (prefix, "[0-9]{2}", "[0-9]{2}", "[0-9]{2}", "[A-D]?", gap, any::<bool>()).prop_map(
        |(prefix, one, two, three, suffix, gap, small)| {
            let last = if suffix.is_empty() { "" } else { gap };
            let number = format!("{prefix}{gap}{one}{gap}{two}{gap}{three}{last}{suffix}");
            // Two small letters and a space are a word, unless the number has its last letter.
            let word = small && suffix.is_empty() && !gap.is_empty();
            if small && !word { number.to_ascii_lowercase() } else { number }
        },
    )
}

fn email() -> impl Strategy<Value = String> {
    let sign = prop::sample::select(vec![
        "@", " @ ", "@ ", " @", "[at]", " [at] ", "(at)", " (AT) ", "%40", "＠", "&#64;", "\\u0040",
    ]);
    let end = prop::sample::select(vec!["org", "com", "co.uk", "gov.uk", "info"]);
    ("[a-z]{2,8}(\\.[a-z]{2,8})?", sign, "[a-z]{3,10}", end)
        .prop_map(|(local, sign, domain, end)| format!("{local}{sign}{domain}.{end}"))
}

fn wide(text: &str) -> String {
    let widen = |one: char| match one {
        '!'..='~' if one != '\\' => char::from_u32(u32::from(one) + 0xFEE0).unwrap_or(one),
        other => other,
    };
    text.chars().map(widen).collect()
}

fn hex(text: &str) -> String {
    text.bytes().map(|byte| format!("{byte:02x}")).collect()
}

proptest! {
    #![proptest_config(crate::property_test::config(2_000))]

    #[test]
    fn phones_are_found(phone in phone(), (before, after) in around()) {
        let value = format!("{before}{phone}{after}");
        prop_assert!(finds(&value, Kind::Phone), "{:?}", value);
    }

    #[test]
    fn phones_in_numbers_of_json_are_found([area, one, two] in subscriber(), country: bool) {
        let number = format!("{}{area}{one}{two}", if country { "44" } else { "" });
        for text in [format!("{{\"phone\": {number}, \"n\": 1}}"), format!("{{\"tel_2\":{number}}}")] {
            prop_assert!(finds(&text, Kind::Phone), "{}", text);
        }
    }

    #[test]
    fn postcodes_are_found(postcode in postcode(), (before, after) in around()) {
        let value = format!("{before}{postcode}{after}");
        prop_assert!(finds(&value, Kind::Postcode), "{:?}", value);
    }

    #[test]
    fn ninos_are_found(nino in nino(), (before, after) in around()) {
        let value = format!("{before}{nino}{after}");
        prop_assert!(finds(&value, Kind::Nino), "{:?}", value);
    }

    #[test]
    fn emails_are_found(email in email(), (before, after) in around()) {
        let value = format!("{before}{email}{after}");
        prop_assert!(finds(&value, Kind::Email), "{:?}", value);
    }

    #[test]
    fn wide_characters_are_found(local in "[a-z]{2,8}", number in "7[1-57-9][0-9]{8}") {
        let (address, phone) = (format!("{local}@example.org"), format!("0{number}"));
        prop_assert!(finds(&wide(&address), Kind::Email));
        prop_assert!(finds(&wide(&phone), Kind::Phone));
    }

    #[test]
    fn encoded_addresses_are_found(local in "[a-z]{1,12}", domain in "[a-z]{1,8}", (before, after) in around()) {
        let address = format!("{local}@{domain}.org");
        for packed in [hex(&address), hex(&address).to_uppercase(), STANDARD.encode(&address)] {
            let value = format!("{before}{packed}{after}");
            prop_assert!(finds(&value, Kind::Email), "{:?}", value);
        }
    }

    #[test]
    fn harmless_digits_are_not_found(thing in harmless(), (before, after) in around()) {
        let value = format!("{before}{thing}{after}");
        // A form writes a space as `+`, so `B0+0AP` in a digest is a postcode by chance. No other
        // part of a digest is found.
        let without_plus = format!("{before}{}{after}", thing.replace('+', "/"));
        prop_assert!(is_clean(&value) || is_clean(&without_plus), "{:?}", value);
        let upper_around_plus = thing.as_bytes().windows(4).any(|part| {
            matches!(part, [before, b'+', digit, after] if digit.is_ascii_digit()
                && !before.is_ascii_lowercase() && after.is_ascii_uppercase())
        });
        prop_assert!(!holds_strong(&value) || upper_around_plus, "{:?}", value);
    }

    #[test]
    fn order_numbers_are_never_strong_matches(
        word in prop::sample::select(vec!["Order ", "order no. ", "Ref: ", "Invoice #", "Case ", "Licence "]),
        number in "[0-9]{8,14}", (before, after) in around(),
    ) {
        let value = format!("{before}{word}{number}{after}");
        prop_assert!(!holds_strong(&value), "{:?}", value);
    }
}

/// Digits that do not identify people.
fn harmless() -> impl Strategy<Value = String> {
    prop_oneof![
        // Paths of pages, in the tree and in an address.
        "(0001)(000[0-9A-Z]){1,5}",
        "/[a-z]{3,8}/20[0-9]{2}/[01][0-9]/[a-z]{3,8}-[a-z]{3,8}/",
        // A video, a password, a UUID, two digests.
        "https://youtu\\.be/[A-Za-z0-9]{11}",
        "pbkdf2_sha256\\$600000\\$[A-Za-z0-9]{22}\\$[A-Za-z0-9+/]{43}=",
        "[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}",
        "[0-9a-f]{40}",
        "[0-9a-f]{64}",
        // Prices, books, times, places, versions, sizes.
        "£[1-9][0-9]{0,2}(,[0-9]{3}){0,3}\\.[0-9]{2}",
        "ISBN (97[89])?[0-9]{10}",
        "20[0-9]{2}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-5][0-9]\\.[0-9]{6}Z",
        "20[0-9]{2}-[01][0-9]-[0-3][0-9] [0-2][0-9]:[0-5][0-9]:[0-5][0-9]\\+00",
        "1[5-8][0-9]{8}",
        "1[5-8][0-9]{11}",
        "5[0-9]\\.[0-9]{10,15}, -?[01]\\.[0-9]{10,15}",
        "[0-9]\\.[0-9]{1,2}\\.[0-9]{1,4}",
        "fill-[0-9]{3,4}x[0-9]{3,4}\\|jpegquality-[0-9]{2}",
        "photo-1[0-9]{9}-[0-9a-f]{12}\\.jpg",
        "97[89][0-9]{10}",
    ]
}
