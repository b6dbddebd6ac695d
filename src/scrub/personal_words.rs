//! Decides which names of columns, and which words of their comments, suggest a person.
//!
//! A name is read in two ways. Its words are compared with short words that also occur inside
//! harmless words ("age" in "page"). Without its separators, it is searched for longer parts, which
//! `date_of_birth`, `dateOfBirth` and `birthdate` all contain. A match proves nothing: it only
//! means that the column must be listed.

/// What a group of words means, the words that must be whole, and the parts that may be anywhere.
/// Spaces separate the words.
struct Group {
    meaning: &'static str,
    words: &'static str,
    parts: &'static str,
}

const GROUPS: [Group; 14] = [
    Group {
        meaning: "a telephone number",
        words: "tel tels fax cell sms gsm sim mob",
        parts: "phone mobile msisdn imei imsi iccid landline whatsapp faxno faxnum telno telnum \
            cellno",
    },
    Group {
        meaning: "an e-mail address",
        words: "mail mails",
        parts: "email mailbox mailaddr mailto inbox",
    },
    Group {
        meaning: "a date of birth or an age",
        words: "dob age ages aged bday born dod yob deceased died",
        parts: "birth dateofdeath deathdate ageband agegroup agerange",
    },
    Group {
        meaning: "a number that stands for a person",
        words: "nhs nino nin ni ssn tin utr crn upn uln pnc ehic dbs pid mrn ucas",
        parts: "nhsn nhsid nationalins nationalid ninum passport visano visanum drivinglicen \
            driverlicen drivernum licenceno licencenum licensenum bluebadge buspass \
            residencepermit socialsecurity taxpayer taxref taxcode employeen employeeid staffn \
            staffid payroll personn personid personref peopleid patient pupil studentn studentid \
            customern customerid customerref clientn clientid clientref claimant claimref \
            applicant tenant citizen resident householdid memberno membernum memberid \
            membershipn elector voter subscriberid respondent complainant caseref casenum \
            hospitaln vehiclereg registrationplate numberplate vrm librarycard",
    },
    Group {
        meaning: "a person by their name",
        words: "initials kin nok",
        parts: "surname forename firstname lastname middlename fullname givenname familyname \
            maidenname nickname username knownas personname nextofkin spouse guardian signature",
    },
    Group {
        meaning: "a trait of a person",
        words: "sex race faith creed caste tribe pronoun bmi blood ehcp fsm",
        parts: "gender ethnic religio disab nationality citizenship immigration asylum refugee \
            orientation sexuality marital pregnan maternity paternity belief politic tradeunion \
            unionmember mothertongue firstlanguage vulnerab safeguard bloodgroup bloodtype \
            biometric fingerprint facialrecog dependants dependents numberofchildren childcount \
            veteran transgender",
    },
    Group {
        meaning: "a person's health or care",
        words: "gp icd snomed hiv allergy allergies carer",
        parts: "diagnos medical medication prescription symptom illness disease health mentalstate \
            treatment therapy vaccin immunis immuniz hospital clinic allerg impairment \
            wheelchair careplan careneed socialcare fostercare addiction alcohol smok",
    },
    Group {
        meaning: "an offence, or a judgement about a person",
        words: "arrest arrested court warrant",
        parts: "offence offense offender convict criminal probation prison police asbo disciplin \
            dismissal bankrupt eviction arrears",
    },
    Group {
        meaning: "what a person earns, owns or owes",
        words: "pay wage rent debt loan pension income",
        parts: "salary income wages earning benefit mortgage creditscore creditrating savings \
            pension allowance counciltax networth overdraft bonus",
    },
    Group {
        meaning: "an account",
        words: "bic swift pan cvv cvc acct",
        parts: "iban accountn accountref bankacc sortcode cardn creditcard debitcard paymentcard \
            cardholder directdebit mandateref",
    },
    Group {
        meaning: "where a person is",
        words: "lat lon lng latlng latlon gps zip address addr street postal geom geo coord toid \
            lsoa",
        parts: "latitude longitude easting northing coordinate geoloc geopoint geohash gridref uprn \
            usrn udprn postcode postalcode zipcode pcode address housen whatthreewords whatwords \
            xcoord ycoord",
    },
    Group {
        meaning: "an address of a network or a device",
        words: "ip ipv mac udid idfa gaid ua referer",
        parts: "ipaddr ipv remoteaddr clientip userip sourceip macaddr useragent deviceid deviceuuid \
            deviceserial advertisingid browserid cookie",
    },
    Group {
        meaning: "a secret",
        words: "otp totp token secret pin nonce salt pwd",
        parts: "password passwd passcode passphrase secret token apikey privatekey accesskey \
            sessionkey sessionid securityanswer securitycode pincode recoverycode credential",
    },
    Group {
        meaning: "what a person sent or agreed to",
        words: "vote voted gdpr consent consented pii",
        parts: "formdata complaint personal consentgiven optin optout",
    },
];

/// Words for people. A number with such a word counts people or points to one. If a foreign key
/// says what the number points to, the class of that table decides.
const PEOPLE: &str = "person people human individual resident citizen customer client patient pupil student \
    child children parent mother father carer tenant claimant applicant employee staff member \
    subscriber respondent visitor user contact owner author donor volunteer victim witness \
    councillor driver household candidate";

/// Words that accompany a telling word in a name without separators.
const COMPANIONS: &str = "client customer child user person patient resident member staff applicant claimant tenant \
    parent carer contact employee pupil student owner partner home work day evening main \
    number num no nr ref id code value type date year years group band at of the my current is \
    has";

/// More words of comments that refer to a person.
const COMMENT_WORDS: &str =
    "name gdpr pii sensitive confidential personally subject their whose his her";

/// What a name suggests, if it suggests a person.
pub(super) fn meaning(name: &str) -> Option<&'static str> {
    let words = words(name);
    let joined = words.concat();
    let is_meant = |group: &&Group| {
        words.iter().any(|word| is_one_of(word, group.words))
            || is_one_of(&joined, group.words)
            || group.parts.split(' ').any(|part| joined.contains(part))
            || group.words.split(' ').any(|word| with_companions(&joined, word))
    };
    GROUPS.iter().find(is_meant).map(|group| group.meaning)
}

/// Whether the words of a name are about people.
pub(super) fn is_about_people(name: &str) -> bool {
    let words = words(name);
    let joined = words.concat();
    words.iter().any(|word| is_one_of(word, PEOPLE))
        || PEOPLE
            .split(' ')
            .filter_map(|person| joined.strip_prefix(person))
            .any(|rest| is_companions(rest, 3))
}

/// What a comment suggests. A comment is prose, so single words, pairs and triples of words count.
pub(super) fn meaning_of_comment(comment: &str) -> Option<&'static str> {
    let words = words(comment);
    if words.iter().any(|word| is_one_of(word, PEOPLE) || is_one_of(word, COMMENT_WORDS)) {
        return Some("something about a person, by its comment");
    }
    (1..=3).flat_map(|length| words.windows(length)).find_map(|window| meaning(&window.join("_")))
}

/// Whether the list has the word, or the word without a plural s.
fn is_one_of(word: &str, list: &str) -> bool {
    let singular = word.strip_suffix('s').unwrap_or(word);
    list.split(' ').any(|one| one == word || one == singular)
}

/// The words of a name in lower case. Splits at everything that is not a letter, and before
/// capitals.
fn words(name: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut open = false;
    let mut previous_is_lower = false;
    for character in name.chars() {
        if !character.is_alphabetic() {
            open = false;
            previous_is_lower = false;
            continue;
        }
        if character.is_uppercase() && previous_is_lower {
            open = false;
        }
        if !open {
            words.push(String::new());
            open = true;
        }
        if let Some(word) = words.last_mut() {
            word.extend(character.to_lowercase());
        }
        previous_is_lower = character.is_lowercase();
    }
    words
}

/// Whether the joined name is the telling word with only companions around it.
fn with_companions(joined: &str, word: &str) -> bool {
    joined.match_indices(word).any(|(start, _)| {
        let before = joined.get(..start).unwrap_or_default();
        let after = joined.get(start + word.len()..).unwrap_or_default();
        is_companions(before, 3) && is_companions(after, 3)
    })
}

fn is_companions(text: &str, most: usize) -> bool {
    text.is_empty()
        || (most > 0
            && COMPANIONS
                .split(' ')
                .filter_map(|word| text.strip_prefix(word))
                .any(|rest| is_companions(rest, most - 1)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_suggest_a_person_are_found() {
        for name in [
            "birthdate",
            "date_of_birth",
            "dateOfBirth",
            "DOB",
            "dob2",
            "msisdn",
            "easting",
            "northing_m",
            "iban",
            "ethnicity",
            "ethnic_group_id",
            "religion",
            "disability_code",
            "disabled",
            "gender",
            "sex",
            "nationality",
            "diagnosis",
            "nhsno",
            "nhs_number",
            "nhsNumber",
            "passport_no",
            "postcode",
            "post_code",
            "uprn",
            "latitude",
            "longitude",
            "lat",
            "lng",
            "ip",
            "ip_address",
            "client_ip",
            "mac",
            "mac_addr",
            "tel",
            "telno",
            "hometel",
            "phone_number",
            "mobile",
            "salary",
            "ni_number",
            "national_insurance",
            "clientage",
            "age_years",
            "ageatdate",
            "employee_number",
            "staffno",
            "otp",
            "pin",
            "sort_code",
            "account_number",
            "is_pregnant",
            "religious_belief",
            "marital_status",
            "has_consented",
            "user_agent_id",
            "gps_x",
            "Odd \"name\" dob",
        ] {
            assert!(meaning(name).is_some(), "{name}");
        }
    }

    #[test]
    fn harmless_names_pass() {
        for name in [
            "id",
            "page_id",
            "sort_order",
            "page",
            "image_id",
            "message_count",
            "stage",
            "sussex",
            "essex_id",
            "created_at",
            "live",
            "show_in_menus",
            "width",
            "file_size",
            "focal_point_x",
            "expire_at",
            "language_id",
            "package_id",
            "usage_count",
            "content_type_id",
            "depth",
            "numchild",
            "is_default_site",
            "port",
            "pinned",
            "typing",
            "hits",
            "permission_id",
            "machine_id",
            "description_id",
            "hotel_id",
        ] {
            assert_eq!(meaning(name), None, "{name}");
        }
    }

    #[test]
    fn people_are_recognised_with_and_without_separators() {
        for name in ["user_id", "userref", "customerNo", "person", "clients"] {
            assert!(is_about_people(name), "{name}");
        }
        for name in ["numchild", "page_id", "usercontent_size", "grand_total"] {
            assert!(!is_about_people(name), "{name}");
        }
    }

    #[test]
    fn comments_are_read_word_by_word() {
        for comment in [
            "NHS number",
            "date of birth",
            "the resident's reference",
            "code of the disability",
            "post code",
            "Holds the phone of the caller",
            "name of the subject",
        ] {
            assert!(meaning_of_comment(comment).is_some(), "{comment}");
        }
        for comment in ["", "order in the list", "the page that it is on", "how often it was shown"]
        {
            assert_eq!(meaning_of_comment(comment), None, "{comment}");
        }
    }
}
