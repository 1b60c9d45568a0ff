// SPDX-License-Identifier: MIT OR Apache-2.0
//! gst-launch text, taken apart.
//!
//! A small part of gst-launch's language, chosen so that its text means here what it means there:
//! words are separated by white space; `!`, `(` and `)` stand alone; a property is one word
//! `name=value`; a value with spaces is in double quotes. Whatever is outside that part is refused
//! with a reason, though gst-launch might run it.

/// One thing that a pipeline's text says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Token {
    /// An element, by its factory.
    Element(String),
    /// A property of the element before: name and value as written.
    Property(String, String),
    /// Caps between two links.
    Caps(String),
    /// An element named elsewhere (`t.`, `t.src_0`).
    Reference(String),
    /// `!`
    Link,
    /// `(`
    Open,
    /// `)`
    Close,
}

/// A token and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placed {
    /// The token.
    pub token: Token,
    /// Lines before it in the text.
    pub line: usize,
}

/// Why a text is not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unreadable {
    /// Lines before the place.
    pub line: usize,
    /// What is wrong.
    pub wrong: String,
}

/// A run of characters without white space outside quotes.
struct Word<'a> {
    text: &'a str,
    line: usize,
}

/// Takes `text` apart.
///
/// # Errors
/// The first thing in it that cannot be read.
pub fn tokens(text: &str) -> Result<Vec<Placed>, Unreadable> {
    let mut tokens: Vec<Placed> = Vec::new();
    let mut open = Vec::new();
    for Word { text: word, line } in words(text)? {
        let refuse = |wrong: String| Err(Unreadable { line, wrong });
        let before = tokens.last().map(|placed| &placed.token);
        let token = match word {
            "!" => match before {
                None | Some(Token::Link | Token::Open) => {
                    return refuse("`!` has nothing before it".to_owned());
                }
                Some(_) => Token::Link,
            },
            "(" => {
                open.push(line);
                Token::Open
            }
            ")" => {
                if matches!(before, Some(Token::Link | Token::Open)) {
                    return refuse("`)` follows nothing".to_owned());
                }
                if open.pop().is_none() {
                    return refuse("`)` closes nothing".to_owned());
                }
                Token::Close
            }
            word => match (before, caps(word)) {
                // Caps go on to the next link, white space or not.
                (Some(Token::Caps(begun)), _) => {
                    let whole = format!("{begun} {word}");
                    let last = tokens.len() - 1;
                    tokens[last].token = Token::Caps(whole);
                    continue;
                }
                (Some(Token::Link), Some(caps)) => {
                    // gst-launch reads `! caps !` as one link, and two links need an element.
                    if let [.., Placed { token: Token::Caps(_), .. }, _] = tokens.as_slice() {
                        return refuse("caps follow caps; put them into one".to_owned());
                    }
                    Token::Caps(caps.to_owned())
                }
                (before, _) => match single(word, before) {
                    Ok(token) => token,
                    Err(wrong) => return refuse(wrong),
                },
            },
        };
        tokens.push(Placed { token, line });
    }
    if let Some(line) = open.pop() {
        return Err(Unreadable { line, wrong: "`(` is not closed".to_owned() });
    }
    match tokens.last() {
        None => Err(Unreadable { line: 0, wrong: "is empty".to_owned() }),
        Some(Placed { token: Token::Link, line }) => {
            let wrong = "ends in `!`: the service adds what comes after".to_owned();
            Err(Unreadable { line: *line, wrong })
        }
        Some(Placed { token: Token::Caps(_), line }) => {
            let wrong =
                "ends in caps, which gst-launch takes for an element; end in one, as `h264parse`";
            Err(Unreadable { line: *line, wrong: wrong.to_owned() })
        }
        Some(_) => Ok(tokens),
    }
}

/// Splits at white space outside quotes. A backslash outside quotes takes the next character along.
fn words(text: &str) -> Result<Vec<Word<'_>>, Unreadable> {
    let mut words = Vec::new();
    let (mut line, mut begun) = (0, None);
    let mut quoted = None;
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        if c == '\0' {
            return Err(Unreadable { line, wrong: "contains a NUL character".to_owned() });
        }
        match (quoted, c) {
            (Some(_), '"') => quoted = None,
            (Some(_), '\\') | (None, '\\') => {
                begun.get_or_insert((at, line));
                match chars.next() {
                    Some((_, '\n')) | None => {
                        let wrong = "has a `\\` at the end of a line".to_owned();
                        return Err(Unreadable { line, wrong });
                    }
                    Some(_) => {}
                }
            }
            (Some(_), _) => {}
            (None, '"') => {
                quoted = Some(line);
                begun.get_or_insert((at, line));
            }
            (None, '\'') => {
                let wrong = "has a single quote; write double quotes".to_owned();
                return Err(Unreadable { line, wrong });
            }
            (None, c) if c.is_whitespace() => {
                if let Some((from, line)) = begun.take() {
                    words.push(Word { text: &text[from..at], line });
                }
            }
            (None, _) => {
                begun.get_or_insert((at, line));
            }
        }
        line += usize::from(c == '\n');
    }
    if let Some(line) = quoted {
        return Err(Unreadable { line, wrong: "has a quote that is not closed".to_owned() });
    }
    if let Some((from, line)) = begun {
        words.push(Word { text: &text[from..], line });
    }
    Ok(words)
}

/// The caps that begin with this word (`video/x-raw,…`), without the quotes around them.
fn caps(word: &str) -> Option<&str> {
    let inner = word.strip_prefix('"').and_then(|w| w.strip_suffix('"')).unwrap_or(word);
    let (media, rest) = inner.split_once('/')?;
    let kind = |c: char| c.is_ascii_alphanumeric() || c == '-';
    let named = !media.is_empty() && media.chars().all(kind);
    (named && rest.starts_with(kind)).then_some(inner)
}

/// A word that is a token by itself.
fn single(word: &str, before: Option<&Token>) -> Result<Token, String> {
    if let Some((name, value)) = word.split_once('=') {
        if !is_identifier(name) || value.is_empty() {
            return Err(format!("`{word}` is not `name=value` in one word"));
        }
        return match before {
            Some(Token::Element(_) | Token::Property(..)) => {
                Ok(Token::Property(name.to_owned(), value.to_owned()))
            }
            _ => Err(format!("`{word}` belongs to no element")),
        };
    }
    if let Some((name, pad)) = word.split_once('.') {
        let pad_is_one = pad.is_empty() || is_identifier(pad);
        if is_identifier(name) && pad_is_one {
            return Ok(Token::Reference(word.to_owned()));
        }
    }
    if !is_identifier(word) {
        return Err(format!("`{word}` is neither an element nor a property nor caps after a `!`"));
    }
    Ok(Token::Element(word.to_owned()))
}

fn is_identifier(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_')
        && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | ':' | '%'))
}

/// `word` as one argument of `gst-launch-1.0`, which puts a backslash before every space that is
/// not in quotes: a backslash of ours before a space would then be one too many.
pub(super) fn shell_words(text: &str) -> Result<Vec<String>, Unreadable> {
    let quoted = |word: Word<'_>| {
        let word = word.text.replace("\\ ", " ");
        let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=,:+%@".contains(c);
        if word.chars().all(plain) || word == "!" { word } else { format!("'{word}'") }
    };
    Ok(words(text)?.into_iter().map(quoted).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(text: &str) -> Vec<Token> {
        tokens(text).unwrap().into_iter().map(|placed| placed.token).collect()
    }

    #[test]
    fn a_pipeline_is_taken_apart() {
        use Token::*;
        let own = str::to_owned;
        assert_eq!(
            plain("v4l2src name=camera ! video/x-raw, width=4\n! enc x=\"a b\" ! t. ( queue )"),
            [
                Element(own("v4l2src")),
                Property(own("name"), own("camera")),
                Link,
                Caps(own("video/x-raw, width=4")),
                Link,
                Element(own("enc")),
                Property(own("x"), own("\"a b\"")),
                Link,
                Reference(own("t.")),
                Open,
                Element(own("queue")),
                Close,
            ]
        );
    }

    #[test]
    fn quoted_caps_and_several_of_them_are_caps() {
        let caps = Token::Caps("video/x-raw,a=1;image/jpeg,a=1".to_owned());
        assert_eq!(plain("a ! video/x-raw,a=1;image/jpeg,a=1 ! b")[2], caps);
        assert_eq!(plain("a ! \"video/x-raw,a=1;image/jpeg,a=1\" ! b")[2], caps);
    }

    #[test]
    fn what_cannot_be_read_is_refused_with_its_line() {
        for (text, line, wrong) in [
            ("", 0, "empty"),
            ("a !", 0, "ends in `!`"),
            ("a ! x/y", 0, "ends in caps"),
            ("! a", 0, "nothing before"),
            ("a\n! ! b", 1, "nothing before"),
            ("a ! ( b", 0, "not closed"),
            ("a )", 0, "closes nothing"),
            ("a\nx=\"b", 1, "quote"),
            ("a x='b'", 0, "single quote"),
            ("a x = b", 0, "one word"),
            ("a ! x/y\n! x/z ! b", 1, "caps follow caps"),
            ("x=1", 0, "no element"),
            ("a!b", 0, "neither"),
            ("a x=b\\", 0, "end of a line"),
            ("a\0", 0, "NUL"),
        ] {
            let error = tokens(text).unwrap_err();
            assert_eq!(error.line, line, "{text:?}: {}", error.wrong);
            assert!(error.wrong.contains(wrong), "{text:?}: {}", error.wrong);
        }
    }
}
