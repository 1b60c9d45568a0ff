// SPDX-License-Identifier: MIT OR Apache-2.0
//! Rust text, as far as the rules need it: code without comments and literals, and its paths.

/// `text` with the content of comments and of string and character literals blanked out; lines
/// stay where they are.
pub(crate) fn code(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let mut code = String::with_capacity(text.len());
    let mut i = 0;
    while i < chars.len() {
        let end = skipped(&chars, i);
        if end == i {
            code.push(chars[i]);
            i += 1;
        } else {
            code.extend(chars[i..end].iter().map(|c| if *c == '\n' { '\n' } else { ' ' }));
            i = end;
        }
    }
    code
}

/// Where the comment or literal that begins at `i` ends; `i` when there is none.
fn skipped(chars: &[char], i: usize) -> usize {
    let at = |n: usize| chars.get(i + n).copied().unwrap_or('\0');
    let word_before = i > 0 && (chars[i - 1].is_alphanumeric() || chars[i - 1] == '_');
    match at(0) {
        '/' if at(1) == '/' => find(chars, i, |j| chars[j] == '\n'),
        '/' if at(1) == '*' => block_comment(chars, i),
        '"' => quoted(chars, i + 1, '"'),
        'b' | 'c' if at(1) == '"' && !word_before => quoted(chars, i + 2, '"'),
        'r' if !word_before => raw_string(chars, i + 1).unwrap_or(i),
        'b' | 'c' if at(1) == 'r' && !word_before => raw_string(chars, i + 2).unwrap_or(i),
        '\'' if at(1) == '\\' => quoted(chars, i + 1, '\''),
        '\'' if at(2) == '\'' => i + 3,
        _ => i,
    }
}

fn find(chars: &[char], from: usize, wanted: impl Fn(usize) -> bool) -> usize {
    (from..chars.len()).find(|j| wanted(*j)).unwrap_or(chars.len())
}

fn block_comment(chars: &[char], from: usize) -> usize {
    let (mut depth, mut i) = (0, from);
    while i < chars.len() {
        match (chars[i], chars.get(i + 1)) {
            ('/', Some('*')) => (depth, i) = (depth + 1, i + 2),
            ('*', Some('/')) => (depth, i) = (depth - 1, i + 2),
            _ => i += 1,
        }
        if depth == 0 {
            break;
        }
    }
    i.min(chars.len())
}

fn quoted(chars: &[char], from: usize, quote: char) -> usize {
    let mut i = from;
    while i < chars.len() && chars[i] != quote {
        i += if chars[i] == '\\' { 2 } else { 1 };
    }
    (i + 1).min(chars.len())
}

/// `from` is where the hashes of a raw string, if it is one, begin.
fn raw_string(chars: &[char], from: usize) -> Option<usize> {
    let hashes = find(chars, from, |j| chars[j] != '#') - from;
    if chars.get(from + hashes) != Some(&'"') {
        return None;
    }
    let closes = |j: usize| {
        chars[j] == '"' && chars[j + 1..].iter().take_while(|c| **c == '#').count() >= hashes
    };
    let end = find(chars, from + hashes + 1, closes);
    Some((end + 1 + hashes).min(chars.len()))
}

/// A path that begins with the crate: what follows the root, to the second segment, and its line.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Import {
    /// `session`, or `signalling` and `whep`.
    pub(crate) module: String,
    /// The segment after it, where there is one.
    pub(crate) inner: Option<String>,
    /// Counted from 1.
    pub(crate) line: usize,
}

/// Every path of `code` that begins with `root::` (`crate`, `shutterd`), `{…}` taken apart.
pub(crate) fn imports(code: &str, root: &str) -> Vec<Import> {
    let start = format!("{root}::");
    let mut found = Vec::new();
    for (at, _) in code.match_indices(&start) {
        let before = code[..at].chars().next_back();
        if before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == ':') {
            // `::shutterd::` is ours, `other::crate::` is not Rust.
            if !code[..at].ends_with("::") || code[..at].ends_with(|c: char| c.is_alphanumeric()) {
                continue;
            }
        }
        let line = code[..at].matches('\n').count() + 1;
        for (module, rest) in branches(&code[at + start.len()..]) {
            for (inner, _) in rest.map_or_else(Vec::new, branches) {
                found.push(Import { module: module.clone(), inner: Some(inner), line });
            }
            if rest.is_none() {
                found.push(Import { module, inner: None, line });
            }
        }
    }
    found
}

/// The segments with which a path can go on, each with the text after its `::`.
fn branches(text: &str) -> Vec<(String, Option<&str>)> {
    let text = text.trim_start();
    let Some(inside) = text.strip_prefix('{') else {
        let segment: String =
            text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
        let rest = text[segment.len()..].strip_prefix("::");
        return if segment.is_empty() { Vec::new() } else { vec![(segment, rest)] };
    };
    let (mut depth, mut from, mut found) = (0, 0, Vec::new());
    for (i, c) in inside.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth > 0 => depth -= 1,
            ',' if depth == 0 => {
                found.extend(branches(&inside[from..i]));
                from = i + 1;
            }
            '}' => {
                found.extend(branches(&inside[from..i]));
                break;
            }
            _ => {}
        }
    }
    found
}

/// The lines, counted from 1, on which `word` stands by itself.
pub(crate) fn lines_with(code: &str, word: &str) -> Vec<usize> {
    let part = |c: char| c.is_alphanumeric() || c == '_';
    let alone = |at: usize| {
        let (before, after) = (&code[..at], &code[at + word.len()..]);
        let longer_before = before.ends_with(part) && word.starts_with(part);
        let longer_after = after.starts_with(part) && word.ends_with(part);
        !longer_before && !longer_after
    };
    let hits = code.match_indices(word).filter(|(at, _)| alone(*at));
    hits.map(|(at, _)| code[..at].matches('\n').count() + 1).collect()
}

#[test]
fn comments_and_literals_are_not_code() {
    let text =
        "a /* b /* c */ d */ e // f\n\"g \\\" h\" 'i' '\\'' r#\"j\"k\"# b\"l\" 'life m for_r\"n\"";
    let code = code(text);
    let words: Vec<&str> = code.split_whitespace().collect();
    assert_eq!(words, ["a", "e", "'life", "m", "for_r"]);
    assert_eq!(code.matches('\n').count(), 1);
}

#[test]
fn paths_are_taken_apart() {
    let code = "use crate::{a::{b, c::D}, e};\nlet x = crate::f::g(); mycrate::h; $crate::i;";
    let found: Vec<String> = imports(code, "crate")
        .into_iter()
        .map(|i| format!("{}/{}@{}", i.module, i.inner.unwrap_or_default(), i.line))
        .collect();
    assert_eq!(found, ["a/b@1", "a/c@1", "e/@1", "f/g@2", "i/@2"]);
}

#[test]
fn words_stand_by_themselves() {
    assert_eq!(lines_with("x.set_state(a)\nreset_state(b)\n.set_state(c)", "set_state("), [1, 3]);
}
