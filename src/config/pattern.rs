//! Regular expressions of the file: anchored whole, and small enough that nobody can make a check slow.

use regex::{Regex, RegexBuilder};

/// Compiled size, in bytes; ordinary ticket and host patterns need a few thousand.
const SIZE_LIMIT: usize = 1 << 18;

/// Compiles `pattern` so that it must match the whole value. The error is the part of the `regex`
/// crate's explanation that says what is wrong, on one line.
pub fn compile(pattern: &str) -> Result<Regex, String> {
    // Alone first: `a)(b` compiles inside a group.
    build(pattern)?;
    build(&format!(r"\A(?:{pattern}){}", r"\z"))
}

fn build(pattern: &str) -> Result<Regex, String> {
    RegexBuilder::new(pattern)
        .size_limit(SIZE_LIMIT)
        .dfa_size_limit(SIZE_LIMIT)
        .build()
        .map_err(|error| {
            if let regex::Error::CompiledTooBig(_) = error {
                return "it is too large".into();
            }
            let explained = error.to_string();
            let last = explained.lines().last().unwrap_or_default();
            last.trim_start_matches("error: ").to_owned()
        })
}

#[cfg(test)]
mod tests {
    use super::compile;

    #[test]
    fn a_pattern_matches_the_whole_value() {
        let pattern = compile("web-[0-9]+|db").expect("compiles");
        assert!(pattern.is_match("web-3") && pattern.is_match("db"));
        assert!(!pattern.is_match("xweb-3") && !pattern.is_match("db2"));
        assert!(!pattern.is_match("web-3\n"), "no line break slips in");
    }

    #[test]
    fn what_does_not_compile_is_told_in_one_line() {
        let why = |pattern| compile(pattern).expect_err(pattern);
        assert_eq!(why("web-[0-9"), "unclosed character class");
        assert_eq!(why("a)(b"), "unopened group");
        assert_eq!(why(r"\w{1000}{1000}"), "it is too large");
    }
}
