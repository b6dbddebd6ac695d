//! Builds the command line for the shell of a one-off dyno.

use std::borrow::Cow;

/// One argument is already a command line and does not change. Several arguments are the words of a
/// command, and each reaches the command unchanged.
pub fn command_line<S: AsRef<str>>(arguments: &[S]) -> String {
    match arguments {
        [line] => line.as_ref().to_owned(),
        words => {
            let quoted: Vec<Cow<'_, str>> =
                words.iter().map(|word| quoted(word.as_ref())).collect();
            quoted.join(" ")
        }
    }
}

/// A word that a POSIX shell reads as exactly this text.
pub fn quoted(word: &str) -> Cow<'_, str> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./:=@%+,".contains(&byte);
    if !word.is_empty() && word.bytes().all(is_plain) {
        return Cow::Borrowed(word);
    }
    Cow::Owned(format!("'{}'", word.replace('\'', r"'\''")))
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn one_argument_is_a_command_line() {
        assert_eq!(command_line(&["echo $HOME && ls"]), "echo $HOME && ls");
        assert_eq!(command_line(&["python", "manage.py", "check"]), "python manage.py check");
        assert_eq!(command_line::<&str>(&[]), "");
    }

    #[test]
    fn a_shell_reads_every_word_unchanged() {
        let words = ["", " ", "it's", "a\"b", "$HOME", "`id`", "\\", "a\nb", "*", "~", "#x", "é;"];
        let mut command = vec!["printf", "[%s]"];
        command.extend(words);
        let output = Command::new("sh").arg("-c").arg(command_line(&command)).output();
        let said = String::from_utf8(output.expect("a shell").stdout).expect("text");
        let expected: String = words.iter().map(|word| format!("[{word}]")).collect();
        assert_eq!(said, expected);
    }
}
